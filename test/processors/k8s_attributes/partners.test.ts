import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROLE } from '../../../pipeline/flows/schema.ts'
import { Partners } from '../../../processors/k8s_attributes/partners.ts'
import { batchOf } from './rows.ts'

const CLIENT = { role: 'client', src: '10.0.0.1', dst: '10.96.0.1' } as const

test('`Partners` never holds more than its bound, and counts what it forgets', () => {
  const partners = new Partners(16)
  for (let flow = 1; flow <= 1000; flow++) partners.learn(batchOf({ ...CLIENT, flow }), 0)
  assert.equal(partners.size, 16)
  assert.equal(partners.evicted, 984)
  for (let flow = 1; flow <= 984; flow++) assert.equal(partners.find(flow, 0x1234), -1)
  for (let flow = 985; flow <= 1000; flow++) assert.ok(partners.find(flow, 0x1234) >= 0)
})

test('a connection that is still asked for survives many short ones', () => {
  const partners = new Partners(16)
  partners.learn(batchOf({ ...CLIENT, flow: 1, comm: 'long' }), 0)
  for (let flow = 2; flow <= 200; flow++) {
    partners.learn(batchOf({ ...CLIENT, flow }), 0)
    const slot = partners.find(1, 0x1234)
    assert.ok(slot >= 0, `lost after ${flow}`)
    assert.equal(partners.process(slot, ROLE.client).comm, 'long')
  }
})

test('a slot that was another connection’s keeps nothing of it', () => {
  const partners = new Partners(1)
  partners.learn(batchOf({ ...CLIENT, flow: 1, comm: 'curl' }), 0)
  partners.learn(batchOf({ role: 'server', src: '10.0.0.1', dst: '10.0.0.2', flow: 2 }), 0)
  const slot = partners.find(2, 0x1234)
  assert.equal(partners.seen(slot, ROLE.client), false)
  assert.equal(partners.seen(slot, ROLE.server), true)
  assert.equal(partners.process(slot, ROLE.client).comm, '')
})

test('flows that share half of their id are told apart', () => {
  const partners = new Partners(16)
  const batch = batchOf({ ...CLIENT, flow: 5 }, { ...CLIENT, flow: 5 })
  batch.base.flow_id[3] = 0x9999
  partners.learn(batch, 0)
  partners.learn(batch, 1)
  assert.equal(partners.size, 2)
  assert.notEqual(partners.find(5, 0x1234), partners.find(5, 0x9999))
})
