import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Pods } from '../../../processors/k8s_attributes/pods.ts'
import { bytes, pod, T0 } from './rows.ts'

const S = 1000
const IP = '10.1.0.7'
let now = T0
let pods: Pods
let announced: number

beforeEach(() => {
  now = T0
  announced = 0
  pods = new Pods({ graceMs: 120 * S, now: () => now, onAddress: () => announced++ })
})

function at(timeMs: number, ip = IP): string | undefined {
  return pods.at(bytes(ip), 0, timeMs)?.object.name
}

test('a pod has its IP from its start, not before', () => {
  now = T0 + 20 * S
  pods.upsert(pod('web', IP, { startMs: T0 + 10 * S }))
  assert.equal(at(T0 + 10 * S), 'web')
  assert.equal(at(T0 + 3600 * S), 'web')
  assert.equal(at(T0 + 5 * S), undefined)
  assert.equal(announced, 1)
})

test('a row may begin a little before the pod, as clocks of two nodes differ', () => {
  pods.upsert(pod('web', IP, { startMs: T0 + 10 * S }))
  assert.equal(at(T0 + 8.5 * S), 'web')
  assert.equal(at(T0 + 7.5 * S), undefined)
})

test('a reused IP is told apart by time', () => {
  pods.upsert(pod('old', IP, { startMs: T0 }))
  now = T0 + 30 * S
  pods.remove('uid-old')
  now = T0 + 40 * S
  pods.upsert(pod('new', IP, { startMs: T0 + 35 * S }))
  assert.equal(at(T0 + 10 * S), 'old')
  assert.equal(at(T0 + 31 * S), undefined)
  assert.equal(at(T0 + 36 * S), 'new')
})

test('a Succeeded pod loses its IP when its containers finished, although the object keeps it', () => {
  pods.upsert(pod('job', IP))
  now = T0 + 60 * S
  pods.upsert(pod('job', IP, { ended: true, finishedMs: T0 + 50 * S }))
  pods.upsert(pod('web', IP, { startMs: T0 + 52 * S }))
  assert.equal(at(T0 + 49 * S), 'job')
  assert.equal(at(T0 + 52 * S), 'web')
  // A later change of the ended pod's object, such as a label, gives it nothing back.
  pods.upsert(pod('job', IP, { ended: true, finishedMs: T0 + 50 * S, labelledName: 'x' }))
  pods.remove('uid-job')
  assert.equal(at(T0 + 53 * S), 'web')
})

test('the next pod may be seen before the end of the last one', () => {
  pods.upsert(pod('old', IP))
  now = T0 + 40 * S
  pods.upsert(pod('new', IP, { startMs: T0 + 30 * S }))
  assert.equal(at(T0 + 35 * S), 'new', 'the later start wins while no end is known')
  now = T0 + 45 * S
  pods.upsert(pod('old', IP, { ended: true, finishedMs: T0 + 33 * S }))
  assert.equal(at(T0 + 32 * S), 'old', 'a proven end wins: the start is before the IP was free')
  assert.equal(at(T0 + 34 * S), 'new')
})

test('an unproven end does not take rows from the next pod', () => {
  pods.upsert(pod('old', IP))
  now = T0 + 40 * S
  pods.upsert(pod('new', IP, { startMs: T0 + 30 * S }))
  pods.remove('uid-old')
  assert.equal(at(T0 + 35 * S), 'new')
  assert.equal(at(T0 + 29 * S), 'old')
})

test('a deletion that is seen late ends when the kubelet had to have ended the pod', () => {
  pods.upsert(pod('web', IP, { deletionMs: T0 + 30 * S }))
  now = T0 + 300 * S
  pods.remove('uid-web')
  assert.equal(at(T0 + 29 * S), 'web')
  assert.equal(at(T0 + 31 * S), undefined)
})

test('an ended pod can be found for the grace period and no longer', () => {
  pods.upsert(pod('web', IP))
  now = T0 + 10 * S
  pods.remove('uid-web')
  now = T0 + 129 * S
  pods.sweep()
  assert.equal(at(T0 + 5 * S), 'web')
  now = T0 + 130 * S
  pods.sweep()
  assert.equal(at(T0 + 5 * S), undefined)
  assert.equal(pods.addresses, 0)
  assert.equal(pods.size, 0)
})

test('a pod that ended long before it was listed is not entered', () => {
  now = T0 + 3600 * S
  pods.upsert(pod('job', IP, { ended: true, finishedMs: T0 + 60 * S }))
  assert.equal(pods.addresses, 0)
  assert.equal(announced, 0)
})

test('an IP that comes late, changes, or comes twice is followed', () => {
  pods.upsert(pod('web', ''))
  assert.equal(at(T0 + S), undefined)
  pods.upsert(pod('web', IP))
  assert.equal(at(T0 + S), 'web')
  now = T0 + 60 * S
  pods.upsert(pod('web', '', { addresses: ['10.1.0.8', 'fd00::8'] }))
  assert.equal(at(T0 + 61 * S), undefined)
  assert.equal(at(T0 + 30 * S), 'web')
  assert.equal(at(T0 + 61 * S, '10.1.0.8'), 'web')
  assert.equal(at(T0 + 61 * S, 'fd00::8'), 'web')
  assert.equal(at(T0 + 30 * S, '10.1.0.8'), undefined, 'it had that IP only since it was told')
})

test('a pod on the host network has no IP of its own', () => {
  pods.upsert(pod('proxy', '192.168.0.1', { hostNetwork: true }))
  assert.equal(at(T0 + S, '192.168.0.1'), undefined)
  assert.equal(pods.size, 1)
})

test('an unchanged pod is no news', () => {
  assert.ok(pods.upsert(pod('web', IP)) !== undefined)
  assert.equal(pods.upsert(pod('web', IP)), undefined)
  assert.ok(pods.upsert(pod('web', IP, { annotatedName: 'shop-web' })) !== undefined)
  assert.equal(announced, 1)
})

test('removing what is not known, or twice, changes nothing', () => {
  pods.upsert(pod('web', IP))
  pods.remove('uid-other')
  pods.remove('uid-web')
  pods.remove('uid-web')
  assert.equal(at(T0 - S), 'web')
})
