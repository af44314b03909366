/**
 * Plays the agents of `gateway`: a connection each, over which it sends its rows every EVERY_MS as
 * OTLP over gRPC with gzip, chains begun at a steady rate. A child of the bench.
 *
 *     gateway_load.ts AGENTS EXCHANGES_A_SECOND SECONDS inside|outside EVERY_MS
 *
 * All requests are made beforehand, so that sending them costs little beside the gateway. Hence
 * times in rows are as if it had begun when they were made; who measures adds by how much it did
 * so later.
 */
import { gzipSync } from 'node:zlib'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { Origin } from '../pipeline/flows/origin.ts'
import { FlowsEncoder } from '../pipeline/flows/otlp/encode.ts'
import { frame, LOGS } from '../test/receivers/otlp/raw_grpc.ts'
import { Calls, callFrames } from './gateway_calls.ts'
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
  /** By how much the latest was sent too late. */
  readonly lateMs: number
}

const LOOK_MS = 5
const RISE_MS = 8000
/** Of rows: a time at which the cluster's pods were there, or nobody is found by his address. */
const FIRST_NS = Date.now() * 1e6
interface Request {
  readonly atMs: number
  readonly agent: number
  readonly rows: number
  readonly frames: Buffer
}

const [agents, rate, seconds] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const asked = process.argv[5] as 'inside' | 'outside'
const everyMs = Number(process.argv[6])

/** What all agents send, in the order in which they do. */
function makeRequests(): Request[] {
  const chains = new Chains(agents, asked)
  const encoder = new FlowsEncoder('bench')
  const name = (number: number) => ({ id: `host-${number}`, name: '', node: `node-${number}` })
  const origins = Array.from({ length: agents }, (_, number) => new Origin(name(number)))
  const batches = new Map<number, FlowBatch[]>()
  const capacity = Math.ceil(((rate / agents) * everyMs) / 1000) * 4 + 16
  const put = (agent: number, source: FlowBatch, row: number): FlowBatch => {
    const open = batches.get(agent) ?? []
    if (open.at(-1)?.full ?? true) open.push(new FlowBatch(capacity))
    batches.set(agent, open)
    const batch = open.at(-1) as FlowBatch
    batch.append(source, row)
    return batch
  }
  const requests: Request[] = []
  const chainsAMs = rate / Chains.EXCHANGES / 1000
  let begun = 0
  // Agents in turn, each once in a period.
  for (let turn = 0; (turn * everyMs) / agents < seconds * 1000; turn++) {
    const atMs = (turn * everyMs) / agents
    for (let at = msOf(begun / chainsAMs); at < atMs; at = msOf(++begun / chainsAMs)) {
      chains.begin(FIRST_NS + at * 1e6, put)
    }
    const agent = turn % agents
    for (const batch of batches.get(agent) ?? []) {
      origins[agent]?.stamp(batch)
      const body = frame(gzipSync(encoder.encode(batch).bytes, { level: 1 }), { flag: 1 })
      requests.push({ atMs, agent, rows: batch.rows, frames: callFrames(LOGS, body) })
    }
    batches.delete(agent)
  }
  return requests
}

/**
 * When so much has been sent as in `fullMs` at the full rate, to which it rises at the start: what
 * has just started compiles its code while it runs, and would begin with what it has to catch up.
 */
function msOf(fullMs: number): number {
  const isRising = fullMs < RISE_MS / 2
  return isRising ? Math.sqrt(2 * RISE_MS * fullMs) : fullMs + RISE_MS / 2
}

class Sending {
  readonly #requests: readonly Request[]
  readonly #agents: readonly Calls[]
  readonly #startMs = performance.now()
  readonly #timer = setInterval(() => this.#look(), LOOK_MS)
  #next = 0
  /** The time in the requests up to which it has told. */
  #toldMs = 0
  #told = { rows: 0, requests: 0, failed: 0, lateMs: 0 }

  constructor(requests: readonly Request[], endpoint: string) {
    this.#requests = requests
    const answered = ({ ok }: { ok: boolean }) => {
      if (!ok) this.#told.failed++
    }
    this.#agents = Array.from({ length: agents }, () => new Calls(endpoint, answered))
  }

  /** Since it was asked last. */
  tell(): Sent {
    const atMs = this.#requests[this.#next - 1]?.atMs ?? 0
    const sent = { ...this.#told, exchanges: ((atMs - this.#toldMs) / 1000) * rate }
    this.#told = { rows: 0, requests: 0, failed: 0, lateMs: 0 }
    this.#toldMs = atMs
    return sent
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const agent of this.#agents) agent.close()
  }

  #look(): void {
    const nowMs = performance.now() - this.#startMs
    for (; this.#next < this.#requests.length; this.#next++) {
      const { atMs, agent, rows, frames } = this.#requests[this.#next] as Request
      if (atMs > nowMs) return
      this.#told.lateMs = Math.max(this.#told.lateMs, nowMs - atMs)
      this.#told.rows += rows
      this.#told.requests++
      ;(this.#agents[agent] as Calls).send(frames)
    }
  }
}

const requests = makeRequests()
let sending: Sending | undefined
process.on('message', (order: Order) => {
  if (order.what === 'start') {
    sending = new Sending(requests, order.endpoint)
    process.send?.(performance.timeOrigin + performance.now() - FIRST_NS / 1e6)
  } else if (order.what === 'tell') process.send?.(sending?.tell())
  else sending?.stop()
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
