/** A reload that fails, wherever, leaves everything as it was. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OK } from '../../../pipeline/outcome.ts'
import { flows } from '../probes.ts'
import { Running } from './running.ts'

function yaml(value: number, pipelines = ''): string {
  return `
receivers: { probe: { value: ${value} }, probe/stays: }
processors: { probe: { value: ${value} }, probe/stays: }
connectors: { joint: { value: ${value} } }
exporters: { probe: { value: ${value} }, probe/spans: { value: ${value} }, probe/stays: }
extensions: { probe: { value: ${value} } }
service:
  extensions: [probe]
  shutdown_timeout: 2s
  pipelines:
    flows: { receivers: [probe], processors: [probe], exporters: [joint, probe] }
    traces: { receivers: [joint], exporters: [probe/spans] }
    flows/stays:
      receivers: [probe/stays]
      processors: [probe/stays]
      exporters: [probe/stays]
    ${pipelines}`
}

const CHANGED = [
  'extension/probe',
  'exporter/probe/spans',
  'connector/joint',
  'exporter/probe',
  'processor/probe',
  'receiver/probe',
]

/** Data still goes the old way, all of it, and the books add up. */
async function assertAsBefore(running: Running, before: readonly object[]): Promise<void> {
  assert.deepEqual(running.service.nodes, before)
  const { probes } = running
  for (const [id, items] of [
    ['probe', 2],
    ['probe/stays', 3],
  ] as const) {
    const sent = running.book(`exporter/${id}`).used.sent ?? 0
    assert.equal(await probes.give(id, flows(items)), OK)
    assert.equal(running.book(`exporter/${id}`).used.sent, sent + items)
  }
}

for (const step of ['create', 'start'] as const) {
  for (const [i, name] of CHANGED.entries()) {
    test(`when ${name} fails to ${step} the old configuration goes on`, async () => {
      const running = await Running.start(yaml(0))
      const before = running.service.nodes
      const old = new Map(running.probes.next)
      running.probes.failing.add(`${step} ${name}`)
      await assert.rejects(running.reload(yaml(1)), new RegExp(`${step} fails`))
      running.probes.failing.clear()
      const { steps } = running.probes
      const made = steps.filter((done) => done.startsWith('create'))
      const ended = steps.filter((done) => done.startsWith('shutdown'))
      // One that throws while it is created is not there to be ended.
      const count = step === 'create' ? made.length - 1 : made.length
      assert.equal(ended.length, count)
      assert.equal(new Set(ended).size, ended.length)
      if (step === 'start') {
        assert.equal(steps.filter((done) => done.startsWith('start')).length, i + 1)
      }
      for (const [id, next] of old) running.probes.next.set(id, next)
      await assertAsBefore(running, before)
      running.forget()
      await running.reload(yaml(1))
      await running.service.left()
      assert.equal(running.probes.steps.length, 3 * CHANGED.length)
      assert.equal(await running.probes.give('probe', flows(1)), OK)
    })
  }
}

test('a configuration that cannot be decoded or planned changes nothing', async () => {
  const running = await Running.start(yaml(0))
  const before = running.service.nodes
  const unknown = yaml(1).replace('probe/spans: {', 'probe/spans: { typo: 1,')
  await assert.rejects(running.reload(unknown), /exporters::probe\/spans: has invalid keys: typo/)
  const cycle = 'flows/2: { receivers: [joint], exporters: [joint] }'
  await assert.rejects(running.reload(yaml(1, cycle)), /cycle detected/)
  assert.deepEqual(running.probes.steps, [])
  await assertAsBefore(running, before)
})

test('what a new receiver took before the failure is drained, and in the books', async () => {
  const running = await Running.start(yaml(0))
  running.probes.failing.add('start receiver/probe/late')
  running.probes.waits.set('start receiver/probe', async () => {
    assert.equal(await running.probes.give('probe', flows(9)), OK)
  })
  const late = `flows/late: { receivers: [probe/late], exporters: [probe/stays] }`
  const wanted = yaml(1, late).replace('probe/stays: }\nproc', 'probe/stays: , probe/late: }\nproc')
  await assert.rejects(running.reload(wanted), /failed to start "probe\/late" receiver/)
  assert.deepEqual(running.book('exporter/probe').used, { sent: 9 })
  assert.equal(running.book('receiver/probe').out, 9)
})

test('what was made for nothing leaves no books, unless something was counted', async () => {
  const running = await Running.start(yaml(0))
  const places = () => running.service.accounts.map(({ kind, id }) => `${kind}/${id}`).sort()
  const before = places()
  const more = 'flows/new: { receivers: [probe], exporters: [probe/new] }'
  const wanted = yaml(0, more).replace('probe/stays: }\next', 'probe/stays: , probe/new: }\next')
  for (const step of ['create', 'start']) {
    running.probes.failing.add(`${step} exporter/probe/new`)
    await assert.rejects(running.reload(wanted), new RegExp(`${step} fails`))
    running.probes.failing.clear()
    assert.deepEqual(places(), before)
  }
})

test('one that reports a fatal error before the swap fails the reload, not the service', async () => {
  const running = await Running.start(yaml(0))
  const before = running.service.nodes
  running.probes.waits.set('start exporter/probe', async () => {
    running.probes.hosts.get('exporter/probe')?.fatal(new Error('no such backend'))
  })
  await assert.rejects(running.reload(yaml(1)), /"probe" exporter cannot go on: no such backend/)
  assert.deepEqual(running.service.nodes, before)
  const failed = await Promise.race([running.service.failed.catch(() => true), setImmediateOnce()])
  assert.equal(failed, false)
})

test('one that reports a fatal error after the swap ends the service', async () => {
  const running = await Running.start(yaml(0))
  await running.reload(yaml(1))
  running.probes.hosts.get('exporter/probe')?.fatal(new Error('gone'))
  await assert.rejects(running.service.failed, /gone/)
})

async function setImmediateOnce(): Promise<boolean> {
  await new Promise(setImmediate)
  return false
}
