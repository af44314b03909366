/**
 * What a recording costs: CPU time a record, of all threads, beside what rows of the same records
 * cost without it; and how large it is. Rounds with and without take turns.
 */
import { closeSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { Origin } from '../pipeline/flows/origin.ts'
import { KernelEvents, type KernelSink } from '../pipeline/kernel_events/kernel_events.ts'
import { ChangedCounters, Recorder } from '../pipeline/kernel_events/recording/recorder.ts'
import { RecordingWriter } from '../pipeline/kernel_events/recording/writer.ts'
import { Ledger } from '../pipeline/ledger.ts'
import { schema } from '../receivers/ebpf/config.ts'
import { removeDirectory, temporaryDirectory } from '../test/kit/processes.ts'
import { Script } from '../test/receivers/ebpf/script.ts'
import { describeMachine } from './machine.ts'
import { estimate } from './statistics.ts'

const ROUNDS = 21
const EXCHANGES = 10_000
/** Records that a look finds. */
const LOOK = 200
const HEADERS = 'Host: shop.example\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\n'
const ANSWER = 'Server: nginx\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n'

type Tell = (sink: KernelSink) => void

/** Records of exchanges at both ends, no two alike. */
function recordsOf(): Tell[] {
  const script = new Script()
  const told: Tell[] = []
  const keep = (name: 'connectionRecord' | 'payloadRecord') => (view: DataView) => {
    const copy = new DataView(view.buffer.slice(0))
    told.push((sink) => sink[name](copy, 0, copy.byteLength))
  }
  script.records = {
    connectionRecord: keep('connectionRecord'),
    payloadRecord: keep('payloadRecord'),
  }
  const ends = [script.connection(), script.connection({ role: 'server', pid: 200 })]
  for (let i = 0; i < EXCHANGES; i++) {
    const id = Math.imul(i, 0x9e3779b1).toString(16)
    const request = `GET /orders/${i} HTTP/1.1\r\n${HEADERS}X-Request-Id: ${id}\r\n\r\n`
    const body = `{"order":${i},"id":"${id}"}`.padEnd(612, id)
    const response = `HTTP/1.1 200 OK\r\n${ANSWER}Content-Length: 612\r\n\r\n${body}`
    for (const end of ends) end.request({ bytes: request }).response({ bytes: response })
  }
  return told
}

/** CPU microseconds of all threads. */
async function round(told: readonly Tell[], file: string | undefined): Promise<number> {
  const config = schema.parse({})
  const counters = new ChangedCounters({ read: () => 0 })
  const events = new KernelEvents(config, {
    ledger: new Ledger(pino({ enabled: false })),
    origin: new Origin({ id: 'a', name: 'b', node: '' }),
    counters,
    first: true,
    dropReasons: [],
    send: () => {},
    tellWanted: () => {},
  })
  const fd = file === undefined ? undefined : openSync(file, 'w+')
  const over = (why: unknown) => {
    throw new Error(`The recording ended: ${why}`)
  }
  const writer = fd === undefined ? undefined : new RecordingWriter(fd, {}, { bytesMax: 1e9, over })
  const recorder = writer && new Recorder(events, { writer, counters })
  const sink = recorder ?? events
  const before = process.cpuUsage()
  for (let at = 0; at < told.length; at += LOOK) {
    sink.look(1e9 + at * 1e5, [0, 0])
    sink.losses()
    for (const tell of told.slice(at, at + LOOK)) tell(sink)
    sink.settle(at)
    await new Promise((resolve) => setImmediate(resolve))
  }
  sink.stop()
  await recorder?.close()
  const { user, system } = process.cpuUsage(before)
  if (fd !== undefined) closeSync(fd)
  return user + system
}

console.log(`${describeMachine()}\n`)
const directory = temporaryDirectory('recording')
const file = join(directory, 'bench.rec')
const told = recordsOf()
await round(told, undefined)
await round(told, file)
const pairs: { without: number; more: number }[] = []
for (let count = 0; count < ROUNDS; count++) {
  const without = (await round(told, undefined)) / told.length
  pairs.push({ without, more: (await round(told, file)) / told.length - without })
}
const bytes = statSync(file).size / told.length
removeDirectory(directory)
const { median, low, high } = estimate(pairs.map(({ more }) => more))
const rows = estimate(pairs.map(({ without }) => without)).median
console.log('| rows of a record | recording it as well | bytes a record |\n|---|---|---|')
const range = `${median.toFixed(2)} µs (${low.toFixed(2)} to ${high.toFixed(2)})`
console.log(`| ${rows.toFixed(2)} µs | ${range} | ${bytes.toFixed(0)} |`)
