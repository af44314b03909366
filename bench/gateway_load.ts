/**
 * Plays the agents of `gateway`: a connection each, over which it sends its rows every PERIOD_MS as
 * OTLP over gRPC with gzip, chains begun at a steady rate. A child of the bench.
 *
 *     gateway_load.ts AGENTS EXCHANGES_A_SECOND SECONDS inside|outside
 *
 * All requests are made beforehand, so that sending them costs little beside the gateway. Hence
 * times in rows are as if it had begun at 0; who measures adds when it did begin.
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { Origin } from '../pipeline/flows/origin.ts'
import { FlowsEncoder } from '../pipeline/flows/otlp/encode.ts'
import { frame, LOGS } from '../test/receivers/otlp/raw_grpc.ts'
import { Chains } from './gateway_rows.ts'

/** Asked for by messages: `start` has an endpoint and is answered, as `tell` is; `stop` is not. */
export type Order =
  | { readonly what: 'start'; readonly endpoint: string }
  | { readonly what: 'tell' | 'stop' }

export interface Sent {
  readonly rows: number
  readonly exchanges: number
  readonly requests: number
  /** Requests that were answered with an error, or not at all. */
  readonly failed: number
}

/** An agent's: its receiver keeps a row for up to 200 ms, its exporter's batch for 200 more. */
const PERIOD_MS = 400
const LOOK_MS = 5
const HEADERS = {
  ':method': 'POST',
  ':path': LOGS,
  'content-type': 'application/grpc',
  'grpc-encoding': 'gzip',
  te: 'trailers',
}

interface Request {
  readonly atMs: number
  readonly agent: number
  readonly rows: number
  readonly body: Buffer
}

const [agents, rate, seconds] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const asked = process.argv[5] as 'inside' | 'outside'

/** What all agents send, in the order in which they do. */
function makeRequests(): Request[] {
  const chains = new Chains(agents, asked)
  const encoder = new FlowsEncoder('bench')
  const name = (number: number) => ({ id: `host-${number}`, name: '', node: `node-${number}` })
  const origins = Array.from({ length: agents }, (_, number) => new Origin(name(number)))
  const batches = new Map<number, FlowBatch[]>()
  const capacity = Math.ceil(((rate / agents) * PERIOD_MS) / 1000) * 4 + 16
  const put = (agent: number, source: FlowBatch, row: number): FlowBatch => {
    const open = batches.get(agent) ?? []
    if (open.at(-1)?.full ?? true) open.push(new FlowBatch(capacity))
    batches.set(agent, open)
    const batch = open.at(-1) as FlowBatch
    batch.append(source, row)
    return batch
  }
  const requests: Request[] = []
  const chainsASecond = rate / Chains.EXCHANGES
  let begun = 0
  // Agents in turn, each once in a period.
  for (let turn = 0; (turn * PERIOD_MS) / agents < seconds * 1000; turn++) {
    const atMs = (turn * PERIOD_MS) / agents
    for (; begun < (atMs * chainsASecond) / 1000; begun++) {
      chains.begin((begun / chainsASecond) * 1e9, put)
    }
    const agent = turn % agents
    for (const batch of batches.get(agent) ?? []) {
      origins[agent]?.stamp(batch)
      const body = frame(gzipSync(encoder.encode(batch).bytes, { level: 1 }), { flag: 1 })
      requests.push({ atMs, agent, rows: batch.rows, body })
    }
    batches.delete(agent)
  }
  return requests
}

class Sending {
  readonly #requests: readonly Request[]
  readonly #sessions: readonly ClientHttp2Session[]
  readonly #startMs = performance.now()
  readonly #timer = setInterval(() => this.#look(), LOOK_MS)
  #next = 0
  #toldMs = 0
  #told = { rows: 0, requests: 0, failed: 0 }

  constructor(requests: readonly Request[], endpoint: string) {
    this.#requests = requests
    this.#sessions = Array.from({ length: agents }, () => {
      return connect(`http://${endpoint}`).on('error', () => {})
    })
  }

  /** Since it was asked last. */
  tell(): Sent {
    const nowMs = performance.now() - this.#startMs
    const exchanges = ((nowMs - this.#toldMs) / 1000) * rate
    const sent = { ...this.#told, exchanges }
    this.#told = { rows: 0, requests: 0, failed: 0 }
    this.#toldMs = nowMs
    return sent
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const session of this.#sessions) session.destroy()
  }

  #look(): void {
    const nowMs = performance.now() - this.#startMs
    for (; this.#next < this.#requests.length; this.#next++) {
      const request = this.#requests[this.#next] as Request
      if (request.atMs > nowMs) return
      this.#send(request)
    }
  }

  #send({ agent, rows, body }: Request): void {
    this.#told.rows += rows
    this.#told.requests++
    const stream = (this.#sessions[agent] as ClientHttp2Session).request(HEADERS)
    let status: unknown
    const note = (found: object) => {
      status = (found as Record<string, unknown>)['grpc-status'] ?? status
    }
    stream
      .on('response', note)
      .on('trailers', note)
      .on('error', () => {})
    stream.on('close', () => {
      if (status !== '0') this.#told.failed++
    })
    stream.resume()
    stream.end(body)
  }
}

const requests = makeRequests()
let sending: Sending | undefined
process.on('message', (order: Order) => {
  if (order.what === 'start') {
    sending = new Sending(requests, order.endpoint)
    process.send?.(performance.timeOrigin + performance.now())
  } else if (order.what === 'tell') process.send?.(sending?.tell())
  else sending?.stop()
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
