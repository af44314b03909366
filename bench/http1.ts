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

const ROUNDS = 12
const EXCHANGES = 5000
const HEADERS = 'Host: shop.example\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\nX-Request-Id: 5a3f\r\n'
const GET = `GET /orders/17?page=2 HTTP/1.1\r\n${HEADERS}\r\n`
const ANSWER = `Server: nginx\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n`
const OK = `HTTP/1.1 200 OK\r\n${ANSWER}Content-Length: 612\r\n\r\n${'x'.repeat(612)}`
const LARGE = `HTTP/1.1 200 OK\r\n${ANSWER}Content-Length: 1000000\r\n\r\n`
const PIECE = 65_536

type Say = (connection: ScriptedConnection) => number

/** Records are made before, and only played while the clock runs. */
function measure(name: string, say: Say): void {
  let best = Number.POSITIVE_INFINITY
  let pieces = 0
  for (let round = 0; round < ROUNDS; round++) {
    const script = new Script()
    const ends = [script.connection(), script.connection({ role: 'server', pid: 200 })]
    const records: DataView[] = []
    const { followed } = script
    const play = followed.payloadRecord
    Object.defineProperty(followed, 'payloadRecord', {
      value: (view: DataView) => records.push(view),
    })
    for (let i = 0; i < EXCHANGES; i++) for (const end of ends) say(end)
    const before = process.cpuUsage()
    for (const view of records) play(view, 0, view.byteLength)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
    pieces = records.length
    if (script.exchanges().length !== 2 * EXCHANGES)
      throw new Error(`${name}: exchanges are missing`)
  }
  const rate = ((pieces / best) * 1e6) / 1000
  const exchange = (best / EXCHANGES) * 1000
  console.log(
    `${name.padEnd(40)} ${rate.toFixed(0).padStart(6)} thousand pieces/CPU s, ` +
      `${exchange.toFixed(0).padStart(6)} ns an exchange at both ends`,
  )
}

console.log(describeMachine())
console.log(
  `A batch row takes ${Math.round(new FlowBatch(1000).base.kind.buffer.byteLength / 1000)} B`,
)
measure('GET, 612 bytes, kept connection', (end) => {
  end.request({ bytes: GET }).response({ bytes: OK })
  return 2
})
measure('GET, 1 MB in 64 KB pieces, not captured', (end) => {
  end.request({ bytes: GET }).response({ bytes: LARGE })
  let left = 1_000_000
  for (; left > 0; left -= PIECE) {
    end.response({ bytes: Buffer.alloc(Math.min(left, PIECE)), captured: 0 })
  }
  return 2
})
