import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { schema, validate } from '../../../exporters/file/config.ts'
import { flowsFileExporter, otlpFileExporter } from '../../../exporters/file/file_exporter.ts'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { toJson } from '../../../pipeline/otlp/json.ts'
import { TracesWriter } from '../../../pipeline/otlp/traces_writer.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const HOST = hostOf()

/** What a test has to undo, last first: `t.after` would go first to last. */
function cleanup(t: TestContext): AsyncDisposableStack {
  const stack = new AsyncDisposableStack()
  t.after(() => stack.disposeAsync())
  return stack
}

function directory(stack: AsyncDisposableStack): string {
  const path = mkdtempSync(join(tmpdir(), 'flowspan-file-'))
  stack.defer(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function settings() {
  const log: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) })
  return { ...settingsOf({ id: 'file', logger, version: '1' }), log }
}

async function exporting(stack: AsyncDisposableStack, options: Record<string, unknown>) {
  const of = settings()
  const exporter = otlpFileExporter(of, schema.parse(options))
  of.ledger.heldBy = () => exporter.held?.() ?? 0
  stack.defer(() => exporter.shutdown?.())
  await exporter.start?.(HOST)
  return { exporter, ...of }
}

function spans(count: number, nameBytes = 10): OtlpBatch {
  const writer = new TracesWriter()
  writer.beginResource()
  writer.beginScope('test', '')
  for (let i = 0; i < count; i++) {
    writer.beginSpan()
    writer.name('x'.repeat(nameBytes))
  }
  return writer.finish()
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((r) => setTimeout(r, 10))
  assert.ok(condition(), `waited in vain for ${condition}`)
}

function linesOf(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  assert.ok(text === '' || text.endsWith('\n'), 'the file ends with a whole line')
  return text.split('\n').slice(0, -1)
}

test('each batch is one line of OTLP/JSON, written within the interval and booked', async (t) => {
  const stack = cleanup(t)
  const path = join(directory(stack), 'spans.jsonl')
  const { exporter, ledger } = await exporting(stack, { path, flush_interval: '20ms' })
  const batch = spans(2)
  assert.equal(exporter.consume(batch), OK)
  assert.equal(exporter.consume(batch), OK)
  assert.equal(exporter.held?.(), 4)
  await until(() => ledger.entry().used.written === 4)
  const line = toJson('traces', batch.bytes)
  assert.deepEqual(linesOf(path), [line, line])
  assert.equal(exporter.held?.(), 0)
})

test('shutdown writes what waits', async (t) => {
  const stack = cleanup(t)
  const path = join(directory(stack), 'spans.jsonl')
  const { exporter, ledger } = await exporting(stack, { path, flush_interval: '1h' })
  for (let i = 0; i < 1000; i++) assert.equal(exporter.consume(spans(1, 1000)), OK)
  await exporter.shutdown?.()
  assert.equal(linesOf(path).length, 1000)
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { written: 1000 }, lost: {}, held: 0 })
})

test('the file is emptied at the start, unless `append` is set', async (t) => {
  const stack = cleanup(t)
  const path = join(directory(stack), 'spans.jsonl')
  for (const [append, expected] of [
    [false, 1],
    [true, 2],
    [false, 1],
  ] as const) {
    const { exporter } = await exporting(stack, { path, append })
    exporter.consume(spans(1))
    await exporter.shutdown?.()
    assert.equal(linesOf(path).length, expected)
  }
})

test('`append` to a file whose last line was cut short costs no other line', async (t) => {
  const stack = cleanup(t)
  const path = join(directory(stack), 'spans.jsonl')
  writeFileSync(path, '{"whole":1}\n{"to')
  for (let run = 0; run < 2; run++) {
    const { exporter } = await exporting(stack, { path, append: true })
    exporter.consume(spans(1))
    exporter.consume(spans(1))
    await exporter.shutdown?.()
  }
  const [whole, torn, ...rest] = linesOf(path)
  assert.deepEqual([whole, torn, rest.length], ['{"whole":1}', '{"to', 4])
  for (const line of rest) assert.ok(Array.isArray(JSON.parse(line).resourceSpans))
})

test('flows are written as the flow log, into the same file as the spans of the same id', async (t) => {
  const stack = cleanup(t)
  const path = join(directory(stack), 'all.jsonl')
  const config = schema.parse({ path })
  const [a, b] = [settings(), settings()]
  const flows = flowsFileExporter(a, config)
  const traces = otlpFileExporter(b, config)
  await flows.start?.(HOST)
  await traces.start?.(HOST)
  const batch = new FlowBatch(3)
  for (let i = 0; i < 3; i++) batch.base.src_port[batch.addRow()] = i + 1
  const expected = [0, 1, 2].map(flowLog(batch))
  assert.equal(flows.consume(batch), OK)
  const span = spans(1)
  assert.equal(traces.consume(span), OK)
  await flows.shutdown?.()
  assert.equal(traces.consume(span), OK)
  await traces.shutdown?.()
  const line = toJson('traces', span.bytes) as string
  assert.deepEqual(linesOf(path), [...expected, line, line])
  assert.deepEqual(a.ledger.entry().used, { written: 3 })
  assert.deepEqual(b.ledger.entry().used, { written: 2 })
})

test('malformed bytes are refused for good', async (t) => {
  const stack = cleanup(t)
  const { exporter } = await exporting(stack, { path: join(directory(stack), 'x') })
  const outcome = await exporter.consume({ signal: 'traces', bytes: Uint8Array.of(10), items: 1 })
  assert.equal(outcome.kind, 'permanent')
})

test('a path that cannot be opened ends the start-up with the option and the reason', async (t) => {
  const stack = cleanup(t)
  const path = join(directory(stack), 'no', 'such', 'directory')
  await assert.rejects(
    exporting(stack, { path }),
    /^Error: exporters::file::path: cannot open .*ENOENT/,
  )
})

test('a path that this user may not write names the user', {
  skip: process.getuid?.() !== 0 && 'needs root, to become another user',
}, async (t) => {
  const stack = cleanup(t)
  const dir = directory(stack)
  chmodSync(dir, 0o755)
  process.seteuid?.(65_534)
  stack.defer(() => process.seteuid?.(0))
  await assert.rejects(
    exporting(stack, { path: join(dir, 'x') }),
    /cannot open .*: uid \d+ may not write/,
  )
})

/** A file system of 64 KiB. */
function tinyDisk(t: TestContext, stack: AsyncDisposableStack): string | undefined {
  const dir = directory(stack)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'pipe' })
  } catch (error) {
    if (process.env.CI) throw error
    t.skip(`cannot mount a tmpfs: ${(error as Error).message}`)
    return undefined
  }
  stack.defer(() => void execFileSync('umount', [dir]))
  return dir
}

test('a full disk loses nothing while there is hope: lines wait, and follow when there is room', async (t) => {
  const stack = cleanup(t)
  const dir = tinyDisk(t, stack)
  if (dir === undefined) return
  const [path, ballast] = [join(dir, 'spans.jsonl'), join(dir, 'ballast')]
  writeFileSync(ballast, Buffer.alloc(50 * 1024))
  const { exporter, ledger, log } = await exporting(stack, { path, flush_interval: '20ms' })
  for (let i = 0; i < 30; i++) assert.equal(exporter.consume(spans(1, 1000)), OK)
  await until(() => log.some((line) => /Writing failed/.test(line)))
  assert.match(log.join(), /exporters::file::path: cannot write .*ENOSPC: no space left on device/)
  const { used, lost, held } = ledger.entry()
  assert.ok(held > 0 && (used.written ?? 0) > 0)
  assert.deepEqual([(used.written ?? 0) + held, lost], [30, {}])
  rmSync(ballast)
  await until(() => ledger.entry().used.written === 30)
  assert.equal(linesOf(path).length, 30)
})

test('a disk that stays full: more is refused, the rest is counted, the file ends with a whole line', async (t) => {
  const stack = cleanup(t)
  const dir = tinyDisk(t, stack)
  if (dir === undefined) return
  const path = join(dir, 'spans.jsonl')
  const { exporter, ledger } = await exporting(stack, { path, flush_interval: '20ms' })
  let taken = 0
  let outcome = await exporter.consume(spans(1, 100_000))
  for (; outcome.kind === 'ok' && taken < 1000; taken++) {
    outcome = await exporter.consume(spans(1, 100_000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(outcome.kind === 'retryable')
  await until(() => exporter.held?.() === taken)
  assert.match(JSON.stringify(await exporter.consume(spans(1))), /ENOSPC/)
  assert.ok((ledger.notes.get('refused_not_written') ?? 0) >= 2)
  await exporter.shutdown?.()
  const expected = { in: 0, out: 0, used: {}, lost: { not_written: taken }, held: 0 }
  assert.deepEqual(ledger.entry(), expected)
  assert.deepEqual(linesOf(path), [])
})

test('shutdown is safe without start, safe twice, and safe after a start that failed', async (t) => {
  const stack = cleanup(t)
  const of = settings()
  const exporter = otlpFileExporter(of, schema.parse({ path: join(directory(stack), 'x') }))
  await exporter.shutdown?.()
  await exporter.shutdown?.()
  const failing = otlpFileExporter(of, schema.parse({ path: '/nowhere/x' }))
  await assert.rejects(async () => failing.start?.(HOST))
  await failing.shutdown?.()
  assert.ok(!existsSync('/nowhere/x'))
})

test('`validate` demands a path and an interval above zero', () => {
  assert.deepEqual(
    validate(schema.parse({ flush_interval: '0s' })).map(({ path }) => path),
    [['path'], ['flush_interval']],
  )
  assert.deepEqual(validate(schema.parse({ path: 'x' })), [])
})
