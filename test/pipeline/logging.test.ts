import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, type LogOptions } from '../../pipeline/logging.ts'

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
