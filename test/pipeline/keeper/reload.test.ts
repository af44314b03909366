/** Reloads asked for from outside, through the keeper and without one. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { freePorts } from '../../kit/ports.ts'
import { needy, Run } from './run.ts'

const skip = process.getuid?.() === 0 ? false : 'giving up privileges needs root: run it with sudo'
const READY = /Everything is ready/
const STAYS = /ERROR.*Cannot reload the configuration; the running one stays/

/** Two receivers that need nothing, one of which the test changes. */
const nop =
  (more = '', service = '') =>
  () =>
    `
receivers: { nop: , nop/2: }
exporters: { nop: ${more} }
service:
  ${service || 'telemetry: { metrics: { level: none } }'}
  pipelines: { flows: { receivers: [nop], exporters: [nop] } }`

function metricsAt(port: number, more = '') {
  return `telemetry: { metrics: { address: "127.0.0.1:${port}" } }\n  ${more}`
}

async function post(port: number): Promise<{ status: number; text: string }> {
  const url = `http://127.0.0.1:${port}/-/reload`
  const response = await fetch(url, { method: 'POST' })
  return { status: response.status, text: await response.text() }
}

test('SIGHUP to the keeper reloads its child, which can read no file', { skip }, async (t) => {
  const run = new Run(t, { yaml: needy({ value: 1 }) })
  const [, pid] = await run.line(/^value 1 by (\d+)$/)
  await run.prints(READY)
  run.write(needy({ value: 2 }))
  run.process.kill('SIGHUP')
  await run.line(new RegExp(`^value 2 by ${pid}$`))
  await run.line(/^value 1 ended$/)
  await run.line(/^keeper told of value 2$/)
  await run.prints(/Reloaded the configuration.*by=SIGHUP/)
  run.process.kill('SIGTERM')
  assert.deepEqual(await run.exited, [0, null])
  assert.equal(run.lines().filter((line) => line.startsWith('opened')).length, 1)
  assert.equal(run.lines().at(-1), 'closed')
})

test('SIGHUP to the child makes it ask the keeper', { skip }, async (t) => {
  const run = new Run(t, { yaml: needy({ value: 1 }) })
  const [, pid] = await run.line(/^value 1 by (\d+)$/)
  await run.prints(READY)
  run.write(needy({ value: 2 }))
  process.kill(Number(pid), 'SIGHUP')
  await run.line(new RegExp(`^value 2 by ${pid}$`))
})

test('SIGHUP while the child is starting is not forgotten, and ends nobody', {
  skip,
}, async (t) => {
  const run = new Run(t, { yaml: needy({ value: 1 }) })
  await run.line(/^started (\d+)$/)
  run.write(needy({ value: 2 }))
  run.process.kill('SIGHUP')
  const [, pid] = await run.line(/^value 1 by (\d+)$/)
  await run.line(new RegExp(`^value 2 by ${pid}$`))
})

test('a bad configuration is told of with all its places, and the old one runs on', {
  skip,
}, async (t) => {
  const run = new Run(t, { yaml: needy({ value: 1 }) })
  const [, pid] = await run.line(/^value 1 by (\d+)$/)
  await run.prints(READY)
  run.write((log) => needy({ value: 2 })(log).replace('{ nop: }', '{ nop: { a: 1 }, nop/2: 7 }'))
  run.process.kill('SIGHUP')
  await run.prints(STAYS)
  await run.prints(/ERROR.*exporters::nop: has invalid keys: a.*\(.*config\.yaml:3:21\)/)
  await run.prints(/ERROR.*exporters::nop\/2: expected a map.*\(.*config\.yaml:3:29\)/)
  run.write(needy({ value: 3, fail: 'start' }))
  run.process.kill('SIGHUP')
  await run.prints(/ERROR.*failed to start "needy" receiver: told to fail at start/)
  run.write(() => 'a: [')
  run.process.kill('SIGHUP')
  await run.prints(STAYS, 2)
  // Its successor, after a crash, runs what ran: not what stands in the file.
  process.kill(Number(pid), 'SIGKILL')
  const [, next] = await run.line(/^value 1 by (\d+)$/, 1)
  assert.notEqual(next, pid)
  run.write(needy({ value: 4 }))
  await run.prints(READY, 1)
  run.process.kill('SIGHUP')
  await run.line(new RegExp(`^value 4 by ${next}$`))
  process.kill(Number(next), 'SIGKILL')
  await run.line(/^value 4 by (\d+)$/, 1)
})

test('what was opened for the old one cannot be opened for the new one', { skip }, async (t) => {
  const run = new Run(t, { yaml: needy({ value: 1 }) })
  const [, pid] = await run.line(/^value 1 by (\d+)$/)
  await run.prints(READY)
  run.write(needy({ value: 2, fixed: 1 }))
  run.process.kill('SIGHUP')
  await run.prints(/receivers::needy::fixed: Cannot change without a restart \(.*yaml:2:\d+\)/)
  const another = (log: string) =>
    needy({ value: 2 })(log)
      .replace('receivers: {', `receivers: { needy/2: { path: ${log} },`)
      .replace('[needy]', '[needy, needy/2]')
  run.write(another)
  run.process.kill('SIGHUP')
  await run.prints(/receivers::needy\/2: cannot be added without a restart: .*\(.*yaml:2:14\)/)
  run.write(needy({ value: 5 }))
  run.process.kill('SIGHUP')
  await run.line(new RegExp(`^value 5 by ${pid}$`))
})

test('what a reload takes out is closed by the keeper, and by the child', { skip }, async (t) => {
  const run = new Run(t, { yaml: needy({ value: 1 }) })
  const [, pid] = await run.line(/^value 1 by (\d+)$/)
  await run.prints(READY)
  const open = () =>
    readdirSync(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === run.log)
  assert.equal(open().length, 1)
  const without = nop()
  run.write(without)
  run.process.kill('SIGHUP')
  await run.line(/^closed$/)
  await run.line(/^value 1 ended$/)
  while (open().length > 0) await new Promise((done) => setTimeout(done, 20))
  run.write(needy({ value: 2 }))
  run.process.kill('SIGHUP')
  await run.prints(/receivers::needy: cannot be added without a restart/)
  run.process.kill('SIGTERM')
  assert.deepEqual(await run.exited, [0, null])
  assert.equal(run.lines().filter((line) => line === 'closed').length, 1)
})

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

test('`service::reload::watch` reloads when the file changes, and can be turned off so', {
  skip,
}, async (t) => {
  const watched = { service: 'reload: { watch: true }' }
  const run = new Run(t, { yaml: needy({ value: 1, ...watched }) })
  await run.line(/^value 1 by/)
  await run.prints(READY)
  run.write(needy({ value: 2, ...watched }))
  await run.line(/^value 2 by/)
  writeFileSync(run.config, needy({ value: 3 })(run.log))
  await run.line(/^value 3 by/)
  run.write(needy({ value: 4 }))
  run.process.kill('SIGHUP')
  await run.line(/^value 4 by/)
  assert.equal(run.stderr.match(/Reloaded the configuration.*by="changed files"/g)?.length, 2)
})

test('`POST /-/reload` answers when it is done, through the keeper', { skip }, async (t) => {
  const [port] = (await freePorts(1)) as [number]
  const yaml = (value: number) => (log: string) =>
    needy({ value })(log).replace(/telemetry: .*/, metricsAt(port))
  const run = new Run(t, { yaml: yaml(1) })
  await run.prints(READY)
  run.write(yaml(2))
  assert.deepEqual(await post(port), { status: 200, text: 'Reloaded the configuration\n' })
  await run.line(/^value 2 by/)
  run.write((log) => yaml(3)(log).replace('exporters: [nop]', 'exporters: [gone]'))
  const { status, text } = await post(port)
  assert.equal(status, 400)
  assert.match(text, /service::pipelines::flows: references exporter "gone".*config\.yaml:\d+:\d+/)
  run.write(yaml(6))
  const answers = await Promise.all([post(port), post(port), post(port), post(port)])
  assert.deepEqual(
    answers.map((answer) => answer.status),
    [200, 200, 200, 200],
  )
  const done = run.stderr.match(/Reloaded the configuration/g)?.length ?? 0
  assert.ok(done <= 1 + 3, `${done} reloads`)
})

test('without a keeper a process reloads itself', async (t) => {
  const [port] = (await freePorts(1)) as [number]
  const run = new Run(t, { yaml: nop('', metricsAt(port)) })
  await run.prints(READY)
  run.write(nop('{ a: 1 }', metricsAt(port)))
  run.process.kill('SIGHUP')
  await run.prints(/exporters::nop: has invalid keys: a/)
  assert.equal((await post(port)).status, 400)
  run.write((log) => needy()(log).replace(/telemetry: .*/, metricsAt(port)))
  assert.match((await post(port)).text, /receivers::needy: cannot be added without a restart/)
  run.write(nop('', metricsAt(port, 'reload: { watch: true }')))
  assert.equal((await post(port)).status, 200)
  run.write(nop('{ a: 1 }', metricsAt(port)))
  await run.prints(/Reloading the configuration.*by="changed files"/)
  run.process.kill('SIGTERM')
  assert.deepEqual(await run.exited, [0, null])
})
