import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { schema, validate } from '../../../extensions/file_storage/config.ts'
import { FileStorage } from '../../../extensions/file_storage/file_storage.ts'
import { useDirectory } from '../../../pipeline/storage/directory.ts'
import { Program, temporaryDirectory } from '../../kit/processes.ts'
import { skipUnless } from '../../kit/requirements.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const HOLDER = join(import.meta.dirname, 'holder.ts')
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const needsRoot = skipUnless(isRoot ? undefined : 'Cannot become nobody as this is not root')
const settings = settingsOf({ id: 'file_storage' })

function storageIn(directory: string, options: object = {}): FileStorage {
  return new FileStorage(settings, schema.parse({ directory, ...options }))
}

function record(text: string, items = 1) {
  return { items, parts: [Buffer.from(text)] }
}

test('a queue keeps its records while one instance takes the place of another', async () => {
  const directory = temporaryDirectory('storage')
  const [old, young] = [storageIn(directory), storageIn(directory, { max_size_mib: 64 })]
  await old.start(hostOf())
  const one = await old.queue('exporter/otlp/traces')
  await one.append({ items: 3, parts: [Buffer.from('a'), Buffer.from('b')] })
  const lease = await one.lease()
  await young.start(hostOf())
  const two = await young.queue('exporter/otlp/traces')
  assert.equal(two.items, 3)
  assert.equal(await two.lease(), undefined, 'the old one has it')
  let ready = 0
  two.onReady(() => ready++)
  await one.close()
  await one.close()
  assert.equal(ready, 1, 'what a user had when it closed is free')
  const again = await two.lease()
  assert.equal(Buffer.from(again!.bytes).toString(), 'ab')
  await old.shutdown()
  lease?.done()
  assert.equal(two.records, 0, 'delivered, whoever has the lease by now')
  again?.done()
  again?.release()
  assert.equal(two.records, 0)
  await two.close()
  await young.shutdown()
  await young.shutdown()
})

test('what was not done is there for the next start, each queue by its name', async () => {
  const directory = temporaryDirectory('storage')
  const names = ['exporter/otlp/traces', 'exporter/otlp/logs', '../up', '.']
  const first = storageIn(directory)
  await first.start(hostOf())
  for (const name of names) {
    const queue = await first.queue(name)
    await queue.append(record(name, 2))
  }
  await first.shutdown()
  const folders = readdirSync(directory, { withFileTypes: true }).filter((f) => f.isDirectory())
  assert.deepEqual(folders.map(({ name }) => name).sort(), [
    '..~002Fup',
    'exporter~002Fotlp~002Flogs',
    'exporter~002Fotlp~002Ftraces',
    '~002E',
  ])
  const second = storageIn(directory)
  await second.start(hostOf())
  for (const name of names) {
    const queue = await second.queue(name)
    assert.deepEqual([queue.records, queue.items, queue.restored], [1, 2, 2])
    const lease = await queue.lease()
    assert.equal(Buffer.from(lease!.bytes).toString(), name)
    await queue.close()
  }
  await second.shutdown()
})

test('what comes after the shutdown is refused, and throws nothing', async () => {
  const storage = storageIn(temporaryDirectory('storage'))
  await storage.start(hostOf())
  const queue = await storage.queue('q')
  await queue.append(record('a'))
  const lease = await queue.lease()
  await storage.shutdown()
  assert.equal((await queue.append(record('b'))).kind, 'retryable')
  assert.equal(await queue.lease(), undefined)
  lease?.done()
  lease?.release()
  await queue.close()
  await assert.rejects(storage.queue('q'), /file_storage is not running/)
})

test('two processes cannot have one directory, and a killed one leaves no lock', async () => {
  const directory = temporaryDirectory('storage')
  const holder = new Program([process.execPath, HOLDER, directory])
  await holder.line(/started/)
  const storage = storageIn(directory, { timeout: '100ms' })
  const pid = Number(readFileSync(join(directory, 'lock'), 'utf8'))
  assert.ok(pid > 0 && pid !== process.pid)
  await assert.rejects(storage.start(hostOf()), {
    message:
      `extensions::file_storage::directory: process ${pid} has ` +
      `${join(directory, 'lock')} locked`,
  })
  process.kill(pid, 'SIGKILL')
  await holder.exited
  await storage.start(hostOf())
  const other = new Program([process.execPath, HOLDER, directory])
  await other.line(new RegExp(`failed: .*process ${process.pid} has`))
  await other.stop()
  await storage.shutdown()
  const third = new Program([process.execPath, HOLDER, directory])
  await third.line(/started/)
  await third.stop()
})

test('a lock that goes within the timeout is waited for', async () => {
  const directory = temporaryDirectory('storage')
  const holder = new Program([process.execPath, HOLDER, directory])
  await holder.line(/started/)
  const storage = storageIn(directory, { timeout: '30s' })
  const started = storage.start(hostOf())
  await holder.stop()
  await started
  await storage.shutdown()
})

test('a user that may not write there is told who it is, and what to do', {
  skip: needsRoot,
}, async () => {
  const directory = temporaryDirectory('storage')
  const nobody = () => new Program([process.execPath, HOLDER, directory, String(NOBODY)])
  const denied = nobody()
  await denied.line(
    new RegExp(`failed: .*uid ${NOBODY}, may not write in ${directory};.* chown -R ${NOBODY} `),
  )
  await denied.stop()
  const { status } = spawnSync('chown', ['-R', String(NOBODY), directory])
  assert.equal(status, 0)
  const allowed = nobody()
  await allowed.line(/started/)
  await allowed.stop()
  // As an earlier run by root would leave it.
  for (const path of ['exporter~002Fotlp~002Ftraces', 'lock']) {
    assert.equal(spawnSync('chown', ['-R', '0', join(directory, path)]).status, 0)
    const again = nobody()
    await again.line(new RegExp(`failed: .*uid ${NOBODY}, may not write in ${directory};`))
    await again.stop()
  }
})

test('a directory that is not there is made only when that is asked for', async () => {
  const directory = join(temporaryDirectory('storage'), 'not', 'there')
  await assert.rejects(storageIn(directory).start(hostOf()), {
    message:
      `extensions::file_storage::directory: directory must exist: ${directory} does not. ` +
      'You can enable the create_directory option to automatically create it',
  })
  const willing = storageIn(directory, { create_directory: true, directory_permissions: '0700' })
  await willing.start(hostOf())
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  await willing.shutdown()
  const file = join(directory, 'file')
  writeFileSync(file, '')
  chmodSync(file, 0o777)
  await assert.rejects(storageIn(file).start(hostOf()), /file is not a directory/)
})

test('files of others in the directory stay as they are', async () => {
  const directory = temporaryDirectory('storage')
  writeFileSync(join(directory, 'exporter_otlp__traces'), 'a database of the Collector')
  mkdirSync(join(directory, 'lost+found'))
  const storage = storageIn(directory)
  await storage.start(hostOf())
  await (await storage.queue('exporter/otlp/traces')).append(record('a'))
  await storage.shutdown()
  const kept = readFileSync(join(directory, 'exporter_otlp__traces'), 'utf8')
  assert.equal(kept, 'a database of the Collector')
})

test('limits change while it runs; another directory needs another instance', async () => {
  const directory = temporaryDirectory('storage')
  const storage = storageIn(directory)
  await storage.start(hostOf())
  assert.equal(storage.reconfigure(schema.parse({ directory: '/elsewhere' })), undefined)
  const apply = storage.reconfigure(
    schema.parse({ directory, max_size_mib: 8, segment_size_mib: 2 }),
  )
  const queue = await storage.queue('q')
  const large = { items: 1, parts: [Buffer.alloc(7 * 2 ** 20)] }
  assert.equal((await queue.append(large)).kind, 'ok')
  apply?.()
  assert.equal((await queue.append(large)).kind, 'permanent')
  await storage.shutdown()
})

test('with fsync an append is answered once the disk has it', async () => {
  const directory = temporaryDirectory('storage')
  const storage = storageIn(directory, { fsync: true })
  await storage.start(hostOf())
  const queue = await storage.queue('q')
  const outcomes = ['a', 'b', 'c'].map((text) => queue.append(record(text)))
  assert.ok(outcomes.every((outcome) => outcome instanceof Promise))
  assert.deepEqual(await Promise.all(outcomes), Array(3).fill({ kind: 'ok' }))
  assert.equal(queue.records, 3)
  await storage.shutdown()
})

test('a disk that is full is the status of the extension until it is not any more', {
  skip: needsRoot,
}, async (t) => {
  const directory = temporaryDirectory('disk')
  const mount = ['-t', 'tmpfs', '-o', 'size=1m', 'flowspan-test', directory]
  assert.equal(spawnSync('mount', mount).status, 0)
  t.after(() => spawnSync('umount', ['-l', directory]))
  const storage = storageIn(directory)
  const host = hostOf()
  await storage.start(host)
  const queue = await storage.queue('q')
  const large = { items: 1, parts: [Buffer.alloc(100_000)] }
  while ((await queue.append(large)).kind === 'ok') assert.ok(queue.records < 20)
  assert.deepEqual(host.reports.length, 1)
  assert.match(JSON.stringify(host.reports[0]), /recoverable_error.*the disk is full|only \d+ of/)
  assert.equal((await queue.append(record('small'))).kind, 'ok')
  assert.deepEqual(host.reports.at(-1), { status: 'ok' })
  await storage.shutdown()
})

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

test('sizes, refusals and damage can be seen from outside', async () => {
  const directory = temporaryDirectory('storage')
  const reader = new Reader()
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test')
  const config = schema.parse({ directory, max_size_mib: 2, segment_size_mib: 1 })
  const storage = new FileStorage(settingsOf({ id: 'file_storage/a', meter }), config)
  await storage.start(hostOf())
  const queue = await storage.queue('q')
  await queue.append({ items: 1, parts: [Buffer.alloc(2 ** 20)] })
  await queue.append({ items: 1, parts: [Buffer.alloc(2 ** 20)] })
  const { resourceMetrics } = await reader.collect()
  const values = resourceMetrics.scopeMetrics[0]!.metrics.flatMap(({ descriptor, dataPoints }) =>
    dataPoints.map(({ attributes, value }) => {
      assert.equal(attributes.extension, 'file_storage/a')
      return [`${descriptor.name} ${attributes.reason ?? ''}`.trim(), value]
    }),
  )
  assert.deepEqual(Object.fromEntries(values), {
    otelcol_file_storage_size: 2 ** 20 + 64,
    otelcol_file_storage_capacity: 2 * 2 ** 20,
    'otelcol_file_storage_refused_records size': 1,
    'otelcol_file_storage_refused_records disk': 0,
    otelcol_file_storage_damaged_records: 0,
    otelcol_file_storage_damaged_bytes: 0,
    otelcol_file_storage_torn_bytes: 0,
  })
  await storage.shutdown()
})

test('a directory is shared by its real path', async () => {
  const path = temporaryDirectory('storage')
  const limits = { maxBytes: 2 ** 20, segmentBytes: 2 ** 14, fsync: false }
  const options = { limits, timeoutMs: 0, logger: settings.logger }
  const one = await useDirectory({ path, ...options })
  const two = await useDirectory({
    path: join(path, '.', '..', path.split('/').at(-1)!),
    ...options,
  })
  assert.equal(one, two)
  await one.leave()
  await two.queue('still open')
  await two.leave()
  await assert.rejects(two.queue('closed'), /is closed/)
  const three = await useDirectory({ path, ...options })
  assert.notEqual(three, two)
  await three.leave()
})

test('options that make no sense are errors', () => {
  const problems = (options: object) => validate(schema.parse(options)).map((p) => p.message)
  assert.deepEqual(problems({}), [])
  assert.deepEqual(problems({ directory: '' }), ['directory must be non-empty'])
  const create_directory = true
  assert.deepEqual(problems({ create_directory, directory_permissions: '888' }), [
    'directory_permissions value must be a valid octal representation',
  ])
  assert.deepEqual(problems({ create_directory, directory_permissions: '7777' }), [
    'directory_permissions contain invalid bits for file access',
  ])
  assert.deepEqual(
    problems({
      max_size_mib: 16,
      compaction: { on_rebound: true, check_interval: '0s', max_transaction_size: -1 },
    }),
    [
      'max transaction size for compaction cannot be less than 0',
      'compaction check interval must be positive when rebound compaction is set',
      'max_size_mib must be at least twice segment_size_mib: 16 is less than twice 16',
    ],
  )
})
