import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { Reloader } from '../../../pipeline/reload/reloader.ts'
import { silent } from '../probes.ts'

test('whoever asks while one runs gets the next one, all together', async () => {
  const gates: (() => void)[] = []
  let atOnce = 0
  const reloader = new Reloader(async () => {
    assert.equal(++atOnce, 1)
    await new Promise<void>((resolve) => gates.push(resolve))
    atOnce--
  }, silent)
  const first = reloader.request('a')
  const others = [reloader.request('b'), reloader.request('c'), reloader.request('d')]
  assert.equal(gates.length, 1)
  gates[0]?.()
  assert.deepEqual(await first, { ok: true })
  const again = reloader.request('e')
  await new Promise(setImmediate)
  assert.equal(gates.length, 2)
  gates[1]?.()
  for (const other of others) assert.deepEqual(await other, { ok: true })
  await new Promise(setImmediate)
  gates[2]?.()
  assert.deepEqual(await again, { ok: true })
  assert.ok(gates.length <= 3)
})

test('a failure is an answer, and each of its lines one of the log', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  const answers = [new Error('2 problems:\n  a (x.yaml:1:2)\n  b (x.yaml:3:4)'), undefined]
  const reloader = new Reloader(async () => {
    const error = answers.shift()
    if (error) throw error
  }, logger)
  const failed = await reloader.request('SIGHUP')
  assert.deepEqual(failed, { ok: false, reason: '2 problems:\n  a (x.yaml:1:2)\n  b (x.yaml:3:4)' })
  const errors = lines.filter(({ level }) => level === 50)
  assert.deepEqual(
    errors.map(({ msg }) => msg),
    [
      'Cannot reload the configuration; the running one stays',
      '2 problems:',
      'a (x.yaml:1:2)',
      'b (x.yaml:3:4)',
    ],
  )
  assert.equal(errors[0]?.by, 'SIGHUP')
  assert.deepEqual(await reloader.request('SIGHUP'), { ok: true })
})
