import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, Run, WAIT_MS } from './run.ts'

const skip = process.getuid?.() === 0 ? false : 'giving up privileges needs root: run it with sudo'

async function gone(pid: number): Promise<void> {
  for (const deadline = performance.now() + WAIT_MS; isAlive(pid); await sleep(20)) {
    assert.ok(performance.now() < deadline, `${pid} is still there`)
  }
}

test('the child is nobody, can do nothing, and has what the keeper opened', { skip }, async (t) => {
  const run = new Run(t)
  const [, pid] = await run.line(/^child (\d+) uid 65534 gid 65534$/)
  await run.line(/^groups \[65534\] left \[\]$/)
  await run.line(/^info \{"answer":42\} readable false$/)
  assert.deepEqual(run.lines().slice(0, 2), [`opened ${run.process.pid}`, `started ${pid}`])
  run.process.kill('SIGTERM')
  assert.deepEqual(await run.exited, [0, null])
  assert.deepEqual(run.lines().slice(-2), ['child ended', 'closed'])
  assert.match(run.stderr, /Shutdown complete/)
})

test('`--run-as` names the user, by name or by number', { skip }, async (t) => {
  const daemon = new Run(t, { args: ['--run-as', 'daemon'] })
  await daemon.line(/^child \d+ uid 1 gid 1$/)
  const numbered = new Run(t, { args: ['--run-as', '1234'] })
  await numbered.line(/^child \d+ uid 1234 gid 1234$/)
  const unknown = new Run(t, { args: ['--run-as', 'no such user'] })
  assert.deepEqual(await unknown.exited, [1, null])
  assert.match(unknown.stderr, /^Error: unknown user "no such user"/)
})

test('a child that is killed is started again, with what was opened once', { skip }, async (t) => {
  const run = new Run(t)
  const [, first] = await run.line(/^child (\d+) uid/)
  process.kill(Number(first), 'SIGKILL')
  const [, second] = await run.line(/^child (\d+) uid/, 1)
  assert.notEqual(first, second)
  await run.line(new RegExp(`^started ${second}$`))
  assert.equal(run.lines().filter((line) => line.startsWith('opened')).length, 1)
  assert.match(run.stderr, /crashed; restarting it.*killed_by=SIGKILL/)
  run.process.kill('SIGTERM')
  assert.deepEqual(await run.exited, [0, null])
})

test('a child that throws says so, ends with 70, and is started again', { skip }, async (t) => {
  const run = new Run(t, { fail: 'later' })
  await run.line(/^child (\d+) uid/, 1)
  assert.match(run.stderr, /FATAL.*Crashed.*told to fail at later/)
  assert.match(run.stderr, /restarting it.*code=70/)
})

test('a child whose keeper is killed drains and ends', { skip }, async (t) => {
  const run = new Run(t)
  const [, pid] = await run.line(/^child (\d+) uid/)
  run.process.kill('SIGKILL')
  await gone(Number(pid))
  assert.ok(run.lines().includes('child ended'))
})

for (const step of ['open', 'create', 'start'] as const) {
  test(`a failure at ${step} is one line, exit code 1, and no second try`, { skip }, async (t) => {
    const run = new Run(t, { fail: step })
    assert.deepEqual(await run.exited, [1, null])
    const errors = run.stderr.split('\n').filter((line) => line.includes('told to fail'))
    assert.equal(errors.length, 1, run.stderr)
    assert.match(errors[0] ?? '', new RegExp(`^Error: .*"needy".*told to fail at ${step}$`))
    assert.doesNotMatch(run.stderr, /restarting|^ {4}at /m)
    if (step !== 'open') assert.equal(run.lines().at(-1), 'closed')
  })
}

test('a component that cannot go on ends all in order, with exit code 1', { skip }, async (t) => {
  const run = new Run(t, { fail: 'fatal' })
  assert.deepEqual(await run.exited, [1, null])
  assert.match(run.stderr, /Asynchronous error received, terminating process.*told so/)
  assert.deepEqual(run.lines().slice(-2), ['child ended', 'closed'])
})

test('SIGTERM while the child is still starting ends both with 0', { skip }, async (t) => {
  const run = new Run(t)
  const [, pid] = await run.line(/^started (\d+)$/)
  run.process.kill('SIGTERM')
  assert.deepEqual(await run.exited, [0, null])
  await gone(Number(pid))
})
