import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createLogger, Logs } from '../../pipeline/logging.ts'
import type { LogOptions } from '../../pipeline/telemetry/options.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'

const LOGGING = join(import.meta.dirname, '../../pipeline/logging.ts')

function logged(
  options: Partial<LogOptions>,
  log: (logger: ReturnType<typeof createLogger>) => void,
) {
  const lines: string[] = []
  const to = { write: (line: string) => void lines.push(line) }
  log(createLogger({ level: 'info', encoding: 'console', ...options }, to))
  return lines
}

test('a console line has time, level, component, message and details, in this order', () => {
  const [line] = logged({}, (logger) =>
    logger
      .child({ component: 'exporter/otlp', signal: 'traces' })
      .warn({ reason: 'queue is full', lost: 3 }, 'Data lost'),
  )
  assert.match(
    line ?? '',
    /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}WARN {3}exporter\/otlp {2}Data lost {2}reason="queue is full" lost=3\n$/,
  )
})

test('a processor is told apart by its pipeline', () => {
  const [line] = logged({}, (logger) =>
    logger.child({ component: 'processor/stitch', pipeline: 'flows/2' }).info('Hello'),
  )
  assert.match(line ?? '', / {2}processor\/stitch \(flows\/2\) {2}Hello\n$/)
})

test('an event is one line, whatever it carries', () => {
  const lines = logged({}, (logger) =>
    logger.info(
      { error: new Error('a\nb'), text: 'c\nd', books: { a: { in: 1, out: 0, lost: {} } } },
      'x',
    ),
  )
  assert.equal(lines.join('').split('\n').length, 2)
  assert.match(lines[0] ?? '', /books=\{a:\{in:1\}\}/)
})

test('JSON keeps every field, and the time and level by name', () => {
  const [line] = logged({ encoding: 'json' }, (logger) => logger.info({ lost: 0 }, 'Done'))
  const { ts, ...rest } = JSON.parse(line ?? '{}')
  assert.ok(!Number.isNaN(Date.parse(ts)))
  assert.deepEqual(rest, { level: 'info', lost: 0, msg: 'Done' })
})

test('what is below the level is not written', () => {
  assert.deepEqual(
    logged({ level: 'warn' }, (logger) => logger.info('quiet')),
    [],
  )
})

test('an error has its message on the console, and its stack in JSON unless that is unwanted', () => {
  const fail = (logger: ReturnType<typeof createLogger>) =>
    logger.error({ error: new TypeError('no') }, 'Failed')
  const [json] = logged({ encoding: 'json' }, fail)
  const { error } = JSON.parse(json ?? '')
  assert.deepEqual([error.type, error.message], ['TypeError', 'no'])
  assert.match(error.stack, /logging\.test\.ts/)
  const [short] = logged({ encoding: 'json', disable_stacktrace: true }, fail)
  assert.doesNotMatch(short ?? '', /logging\.test\.ts/)
  assert.match(logged({}, fail).join(''), /Failed {2}error="no"\n$/)
  assert.match(
    logged({ development: true }, fail).join(''),
    /error="no"\n {4}TypeError: no\n {8}at /,
  )
})

test('fields that every line is to have are in every line', () => {
  const options = { encoding: 'json', initial_fields: { host: 'a' } } as const
  const lines = logged(options, (logger) => logger.child({ component: 'x' }).info('Hello'))
  assert.equal(JSON.parse(lines[0] ?? '').host, 'a')
})

test('lines that say the same are thinned out, by level and message, and counted', () => {
  const lines: string[] = []
  const sampling = { enabled: true, tick: 60_000, initial: 3, thereafter: 10 }
  const logs = new Logs({ sampling }, { write: (line: string) => void lines.push(line) })
  for (let i = 0; i < 23; i++) logs.logger.info({ i }, 'again')
  logs.logger.warn('again')
  logs.logger.info('other')
  const written = lines.map((line) => line.trimEnd().split('  ').slice(-2).join(' '))
  assert.deepEqual(
    written.slice(0, 5).map((line) => line.slice(-4)),
    ['=0', '=1', '=2', '=12', '=22'].map((i) => ` i${i}`.slice(-4)),
  )
  assert.equal(lines.length, 7)
  assert.equal(logs.sampledOut.get('info'), 18)
})

test('a new level is that of loggers which components have already', () => {
  const lines: string[] = []
  const logs = new Logs({}, { write: (line: string) => void lines.push(line) })
  const child = logs.logger.child({ component: 'x' })
  child.debug('before')
  logs.setLevel('debug')
  child.debug('after')
  logs.setLevel('error')
  child.warn('late')
  assert.deepEqual(
    lines.map((line) => line.trimEnd().split('  ').at(-1)),
    ['after'],
  )
})

test('the log goes to files too, and what cannot be written to is refused by name', (t) => {
  const directory = temporaryDirectory('log')
  t.after(() => removeDirectory(directory))
  const file = join(directory, 'flowspan.log')
  writeFileSync(file, 'old\n')
  createLogger({ output_paths: [file, `file://${file}`] }).info('Hello')
  assert.match(readFileSync(file, 'utf8'), /^old\n\S+ {2}INFO {3}Hello\n\S+ {2}INFO {3}Hello\n$/)
  assert.throws(
    () => createLogger({ output_paths: [join(directory, 'none/log')] }),
    /^Error: service::telemetry::logs::output_paths: cannot write ".*none\/log": ENOENT/,
  )
})

test('the last line of a process that ends is not lost, and one without a reader does not end it', async () => {
  const program = `
    import { createLogger } from ${JSON.stringify(LOGGING)}
    const logger = createLogger({
      encoding: 'json', output_paths: ['stdout'], sampling: { enabled: false },
    })
    for (let i = 0; i < 2000; i++) logger.info({ i, fill: 'x'.repeat(100) }, 'line ' + i)
    process.exit(7)
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'close')
  const lines = (await text(child.stdout)).trimEnd().split('\n')
  assert.deepEqual((await exited)[0], 7)
  assert.equal(lines.length, 2000)
  assert.equal(JSON.parse(lines.at(-1) ?? '').i, 1999)

  const orphan = spawn(process.execPath, ['--input-type=module', '-e', program])
  orphan.stdout.destroy()
  const complaint = text(orphan.stderr)
  assert.deepEqual((await once(orphan, 'close'))[0], 7)
  assert.match(await complaint, /cannot write the log: .*EPIPE/)
})
