/**
 * What the unprivileged half of the eBPF receiver costs: pieces of HTTP/1 streams a CPU second,
 * from record to row, without the kernel and the rings.
 *
 * Four pieces make an exchange seen at both ends: the request written and read, the response
 * written and read. Each figure is the best of several rounds: noise only ever slows.
 */
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { Script, type ScriptedConnection } from '../test/receivers/ebpf/script.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 15
const HEADERS = 'Host: shop.example\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\nX-Request-Id: 5a3f\r\n'
const GET = `GET /orders/17?page=2 HTTP/1.1\r\n${HEADERS}\r\n`
const ANSWER = `Server: nginx\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n`
const OK = `HTTP/1.1 200 OK\r\n${ANSWER}Content-Length: 612\r\n\r\n${'x'.repeat(612)}`
const LARGE = `HTTP/1.1 200 OK\r\n${ANSWER}Content-Length: 1000000\r\n\r\n`
const PIECE = 65_536

/** Of an exchange, all that two of a service hardly ever have in common. */
function differing(exchange: number): { request: string; response: string } {
  const word = (i: number) => (Math.imul(exchange + 1, i) >>> 0).toString(16).padStart(8, '0')
  const [id, other] = [word(0x9e3779b1), word(0x85ebca77)]
  const traceparent = `00-${id}${other}${id}${other}-${other}${id}-01`
  const lines = `Accept: application/json\r\nX-Request-Id: ${id}-${other}\r\n`
  return {
    request:
      `GET /orders/${id}/items?page=2 HTTP/1.1\r\nHost: shop.example:8080\r\n` +
      `User-Agent: Go-http-client/1.1\r\n${lines}traceparent: ${traceparent}\r\n\r\n`,
    response:
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: ${id}-${other}\r\n` +
      `Date: Tue, 24 Nov 2026 01:00:${10 + (exchange % 50)} GMT\r\n` +
      `Content-Length: ${100 + (exchange % 900)}\r\n\r\n${'x'.repeat(100 + (exchange % 900))}`,
  }
}

type Say = (connection: ScriptedConnection, exchange: number) => void

interface Recording {
  /** Records one after the other, as in a ring. */
  readonly view: DataView
  /** Where each begins; one more than there are records. */
  readonly starts: readonly number[]
}

function bothEnds(script: Script): ScriptedConnection[] {
  return [script.connection(), script.connection({ role: 'server', pid: 200 })]
}

/** The records of `exchanges` exchanges as `say` has them, seen at both ends. */
function record(say: Say, exchanges: number): Recording {
  const script = new Script()
  const records: Uint8Array[] = []
  const ends = bothEnds(script)
  Object.defineProperty(script.followed, 'payloadRecord', {
    value: (view: DataView, at: number, length: number) => {
      const from = view.byteOffset + at
      records.push(new Uint8Array(view.buffer.slice(from, from + length)))
    },
  })
  for (let i = 0; i < exchanges; i++) for (const end of ends) say(end, i)
  const starts = [0]
  for (const { length } of records) starts.push(align((starts.at(-1) ?? 0) + length))
  const bytes = new Uint8Array(starts.at(-1) ?? 0)
  for (const [i, bytesOf] of records.entries()) bytes.set(bytesOf, starts[i])
  return { view: new DataView(bytes.buffer), starts }
}

function align(offset: number): number {
  return Math.ceil(offset / 8) * 8
}

function measure(name: string, exchanges: number, say: Say): void {
  const { view, starts } = record(say, exchanges)
  const pieces = starts.length - 1
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const script = new Script()
    bothEnds(script)
    const play = script.followed.payloadRecord
    const before = process.cpuUsage()
    for (let i = 0; i < pieces; i++) {
      const at = starts[i] as number
      play(view, at, (starts[i + 1] as number) - at)
    }
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
    const rows = script.rowCount('exchange')
    if (rows !== 2 * exchanges) throw new Error(`${name}: ${rows} rows of ${2 * exchanges}`)
  }
  const rate = Math.round(((pieces / best) * 1e6) / 1000)
  const nanoseconds = Math.round((best / exchanges / 2) * 1000)
  console.log(`${name}: ${rate} thousand pieces a CPU second, ${nanoseconds} ns an exchange row`)
}

console.log(describeMachine())
console.log(`A row takes ${new FlowBatch(1000).base.kind.buffer.byteLength / 1000} bytes`)
measure('GET, 612 bytes, kept connection', 10_000, (end) => {
  end.request({ bytes: GET }).response({ bytes: OK })
})
measure('GET, no two alike, 100 to 999 bytes, kept connection', 10_000, (end, exchange) => {
  const { request, response } = differing(exchange)
  end.request({ bytes: request }).response({ bytes: response })
})
measure('GET, 1 MB in 64 KB pieces, not captured', 500, (end) => {
  end.request({ bytes: GET }).response({ bytes: LARGE })
  for (let left = 1_000_000; left > 0; left -= PIECE) {
    end.response({ bytes: Buffer.alloc(Math.min(left, PIECE)), captured: 0 })
  }
})
