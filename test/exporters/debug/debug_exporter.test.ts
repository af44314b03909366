import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { type DebugConfig, schema } from '../../../exporters/debug/config.ts'
import {
  debugExporter,
  debugFlowsExporter,
  debugTracesExporter,
} from '../../../exporters/debug/debug_exporter.ts'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { KIND, ROLE, STATE } from '../../../pipeline/flows/schema.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { LogsWriter } from '../../../pipeline/otlp/logs_writer.ts'
import { MetricsWriter } from '../../../pipeline/otlp/metrics_writer.ts'
import { SPAN_KIND, TracesWriter } from '../../../pipeline/otlp/traces_writer.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const HOST = hostOf()

class Sink extends Writable {
  text = ''
  hold = false
  #release: (() => void) | undefined

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    if (this.hold) this.#release = done
    else done()
  }

  release(): void {
    this.hold = false
    this.#release?.()
  }
}

function making(verbosity: DebugConfig['verbosity']) {
  const logger = pino({ level: 'silent' })
  const ledger = new Ledger(logger)
  const sink = new Sink()
  const settings = settingsOf({ id: 'debug', logger, ledger, version: '1' })
  const config = schema.parse({ verbosity })
  return { ledger, sink, settings, config, output: { stream: sink, colors: false } }
}

const IDS = Uint32Array.from({ length: 40 }, (_, i) => i)
const TIMES = Uint32Array.of(1_000_000, 5, 3_500_000, 5)

/** `count` spans of one trace, each the parent of the next. */
function spans(count: number, options: { name?: string; trace?: number; first?: number } = {}) {
  const writer = new TracesWriter()
  const { name = 'GET', trace = 1, first = 1 } = options
  writer.beginResource()
  writer.attrString('service.name', 'api')
  writer.beginScope('flowspan', '1')
  for (let i = first; i < first + count; i++) {
    writer.beginSpan()
    writer.traceId(Uint32Array.of(trace, 0, 0, 0), 0)
    writer.spanId(IDS, i)
    if (i > 1) writer.parentSpanId(IDS, i - 1)
    writer.name(name)
    writer.kind(SPAN_KIND.server)
    writer.start(TIMES, 0)
    writer.end(TIMES, 1)
    writer.attrString('url.path', '/shop')
    writer.attrInt('http.response.status_code', 200)
  }
  return writer.finish()
}

test('`basic` prints a line of counts a batch', () => {
  const { settings, config, output, sink, ledger } = making('basic')
  const exporter = debugTracesExporter(settings, config, output)
  assert.equal(exporter.consume(spans(2)), OK)
  assert.equal(exporter.consume(spans(1)), OK)
  assert.equal(sink.text, 'traces: 1 resource, 2 spans\ntraces: 1 resource, 1 span\n')
  assert.deepEqual(ledger.entry().used, { printed: 3 })
})

test('of the texts of a second the first are printed, then one of so many', () => {
  const { settings, output, sink, ledger } = making('basic')
  const config = schema.parse({ sampling_initial: 1, sampling_thereafter: 3 })
  const exporter = debugTracesExporter(settings, config, output)
  for (let items = 1; items <= 7; items++) assert.equal(exporter.consume(spans(items)), OK)
  const printed = [...sink.text.matchAll(/(\d+) spans?/g)].map(([, items]) => Number(items))
  assert.deepEqual(printed, [1, 4, 7])
  assert.deepEqual(ledger.entry().used, { printed: 12, sampled_out: 16 })
})

test('a configuration of the Collector is taken', () => {
  const config = { verbosity: 'detailed', sampling_initial: 5, sampling_thereafter: 200 }
  const taken = schema.parse({ ...config, use_internal_logger: false })
  assert.deepEqual(taken, { ...config, use_internal_logger: false })
})

test('`normal` prints a line a span', () => {
  const { settings, config, output, sink } = making('normal')
  debugTracesExporter(settings, config, output).consume(spans(1))
  assert.equal(
    sink.text,
    'ResourceSpans service.name=api\nScopeSpans flowspan 1\n' +
      'GET SERVER 2.50 ms 00000000000000000000000000000001 0000000300000002 ' +
      'url.path=/shop http.response.status_code=200\n',
  )
})

test('`detailed` prints every field and attribute', () => {
  const { settings, config, output, sink } = making('detailed')
  debugTracesExporter(settings, config, output).consume(spans(1))
  for (const part of [
    '     -> service.name: Str(api)',
    '    ID             : 0000000300000002',
    '    Start time     : 1970-01-01T00:00:21.475836480Z',
    '     -> http.response.status_code: Int(200)',
  ]) {
    assert.ok(sink.text.includes(`${part}\n`), part)
  }
})

async function started(t: TestContext) {
  const made = making('tree')
  const exporter = debugTracesExporter(made.settings, made.config, made.output)
  made.ledger.heldBy = () => exporter.held?.() ?? 0
  t.after(() => exporter.shutdown?.())
  await exporter.start?.(HOST)
  return { exporter, ...made }
}

test('`tree` draws a trace from all its batches once it has been quiet for a second', async (t) => {
  const { exporter, sink, ledger } = await started(t)
  exporter.consume(spans(1, { first: 2 }))
  await sleep(600)
  exporter.consume(spans(1, { first: 1 }))
  await sleep(600)
  assert.equal(sink.text, '', 'it has been quiet for 600 ms only')
  assert.equal(exporter.held?.(), 2)
  await sleep(900)
  assert.equal(
    sink.text,
    'trace 00000000000000000000000000000001  1 service  2.50 ms\n' +
      '└─ api     SERVER GET /shop 200  2.50 ms  ████████████████\n' +
      '   └─ api  SERVER GET /shop 200  2.50 ms  ████████████████\n',
  )
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { printed: 2 }, lost: {}, held: 0 })
})

test('`tree` draws what is left at shutdown, and traces apart', async (t) => {
  const { exporter, sink } = await started(t)
  exporter.consume(spans(1, { trace: 1 }))
  exporter.consume(spans(1, { trace: 2 }))
  await exporter.shutdown?.()
  await exporter.shutdown?.()
  assert.equal(sink.text.match(/^trace /gm)?.length, 2)
})

test('`tree` holds a bounded number of traces and draws the oldest early', async (t) => {
  const { exporter, sink, ledger } = await started(t)
  for (let trace = 1; trace <= 1003; trace++) exporter.consume(spans(1, { trace }))
  assert.equal(exporter.held?.(), 1000)
  assert.deepEqual(
    [...sink.text.matchAll(/^trace 0*(\w+)/gm)].map(([, id]) => id),
    ['1', '2', '3'],
  )
  await exporter.shutdown?.()
  assert.deepEqual(ledger.entry().used, { printed: 1003 })
})

test('`tree` takes what is before malformed bytes and counts the rest as lost', async (t) => {
  const { exporter, ledger } = await started(t)
  const batch = spans(2)
  const bytes = Buffer.concat([batch.bytes, Buffer.of(10, 99)])
  assert.equal(exporter.consume({ ...batch, bytes, items: 3 }), OK)
  assert.deepEqual(ledger.entry().lost, { malformed: 1 })
  assert.equal(exporter.held?.(), 2)
})

test('`normal` refuses malformed bytes for good', () => {
  const { settings, config, output, sink } = making('normal')
  const exporter = debugTracesExporter(settings, config, output)
  const bytes = Uint8Array.of(10, 99)
  const outcome = exporter.consume({ signal: 'traces', bytes, items: 1 })
  assert.ok('kind' in outcome && outcome.kind === 'permanent')
  assert.equal(sink.text, '')
})

test('control characters from the network do not reach the terminal', async (t) => {
  for (const verbosity of ['normal', 'detailed', 'tree'] as const) {
    const { settings, config, output, sink } = making(verbosity)
    const exporter = debugTracesExporter(settings, config, output)
    t.after(() => exporter.shutdown?.())
    exporter.consume(spans(1, { name: 'a\u001b[2J\nb\u202ec\u009b' }))
    await exporter.shutdown?.()
    assert.match(sink.text, /a\\u\{1b\}\[2J\\u\{a\}b\\u\{202e\}c\\u\{9b\}/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(sink.text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  }
})

test('metrics are printed with their values', () => {
  const writer = new MetricsWriter()
  writer.beginResource()
  writer.beginScope('flowspan', '')
  writer.beginSum('tcp.retransmits', { monotonic: true })
  writer.beginNumberPoint()
  writer.valueInt(3)
  writer.attrString('peer', 'api')
  writer.beginHistogram('http.server.request.duration')
  writer.beginHistogramPoint()
  writer.buckets([1], [2, 1])
  writer.sum(4.5)
  const batch = writer.finish()
  const { settings, output, sink } = making('basic')
  for (const verbosity of ['basic', 'normal', 'detailed'] as const) {
    debugExporter(settings, schema.parse({ verbosity }), output).consume(batch)
  }
  for (const part of [
    'metrics: 1 resource, 2 metrics, 2 data points',
    'tcp.retransmits{peer=api} value=3',
    'http.server.request.duration{} count=3 sum=4.5',
    '     -> DataType: histogram',
    'Bucket ≤ 1: 2',
    'Bucket ≤ +Inf: 1',
  ]) {
    assert.ok(sink.text.includes(`${part}\n`), part)
  }
})

test('logs are printed with their body', () => {
  const writer = new LogsWriter()
  writer.beginResource()
  writer.beginScope('', '')
  writer.beginRecord()
  writer.body('connection closed')
  writer.attrInt('bytes', 7)
  const batch: OtlpBatch = writer.finish()
  const { settings, output, sink } = making('basic')
  for (const verbosity of ['basic', 'normal', 'detailed'] as const) {
    debugExporter(settings, schema.parse({ verbosity }), output).consume(batch)
  }
  for (const part of [
    'logs: 1 resource, 1 log record',
    'connection closed bytes=7',
    'Body: Str(connection closed)',
  ]) {
    assert.ok(sink.text.includes(`${part}\n`), part)
  }
})

function flows(): FlowBatch {
  const batch = new FlowBatch(3)
  const { base } = batch
  for (const kind of [KIND.connection, KIND.connection, KIND.exchange]) {
    const row = batch.addRow()
    base.kind[row] = kind
    base.state[row] = row === 0 ? STATE.open : STATE.closed
    base.role[row] = ROLE.server
    base.src_address.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1], row * 16)
    base.dst_address[row * 16 + 15] = 1
    base.src_port[row] = 4000
    base.dst_port[row] = 80
    base.close_reason[row] = 1
    base.srtt_us[row] = 40
    base.bytes_sent[row] = 10
    base.bytes_received[row] = 12_345
    base.comm[row] = batch.strings.intern('nginx')
    base.pid[row] = 7
    base.method[row] = batch.strings.intern('GET')
    base.target[row] = batch.strings.intern('/shop')
    base.status[row] = 200
    base.duration_us[row] = 12_400
    base.request_bytes[row] = 78
    base.response_bytes[row] = 1_000_000
  }
  return batch
}

test('flows: counts, a line for what has ended, or every row as JSON', () => {
  const { settings, output, sink, ledger } = making('basic')
  for (const verbosity of ['basic', 'tree', 'detailed'] as const) {
    debugFlowsExporter(settings, schema.parse({ verbosity }), output).consume(flows())
  }
  const lines = sink.text.split('\n')
  assert.deepEqual(lines.slice(0, 3), [
    'flows: 3 rows: 2 connections, 1 exchange',
    'connection  server  10.0.0.1:4000 → [::1]:80  fin  ↑ 10 B ↓ 12.3 kB  rtt 40.0 µs  0 retransmitted  nginx[7]',
    'exchange    server  10.0.0.1:4000 → [::1]:80  GET /shop 200  12.4 ms  ↑ 78 B ↓ 1.00 MB  nginx[7]',
  ])
  assert.deepEqual(
    lines.slice(3, 6).map((line) => JSON.parse(line).state),
    ['open', 'closed', 'closed'],
  )
  assert.deepEqual(ledger.entry().used, { printed: 9 })
})

test('a reader that is too slow, or gone, loses text and it is counted', async () => {
  const { settings, config, output, sink, ledger } = making('detailed')
  const exporter = debugTracesExporter(settings, config, output)
  sink.hold = true
  const big = spans(1, { name: 'x'.repeat(150) })
  for (let i = 0; i < 5000; i++) exporter.consume(big)
  const { used, lost } = ledger.entry()
  assert.ok((lost.output_too_slow ?? 0) > 0)
  assert.equal((used.printed ?? 0) + (lost.output_too_slow ?? 0), 5000)
  sink.release()
  await exporter.shutdown?.()
  const gone = making('basic')
  const second = debugTracesExporter(gone.settings, gone.config, gone.output)
  gone.sink.destroy(new Error('EPIPE'))
  await sleep(10)
  second.consume(spans(2))
  await second.shutdown?.()
  assert.deepEqual(gone.ledger.entry().lost, { output_closed: 2 })
})
