import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AddressMap,
  isLoopback,
  parseAddress,
} from '../../../processors/k8s_attributes/addresses.ts'
import { bytes } from './rows.ts'

function hex(text: string): string | undefined {
  const address = parseAddress(text)
  return address && Buffer.from(address).toString('hex')
}

test('`parseAddress` maps IPv4 and expands IPv6', () => {
  assert.equal(hex('10.1.2.3'), '00000000000000000000ffff0a010203')
  assert.equal(hex('::ffff:10.1.2.3'), '00000000000000000000ffff0a010203')
  assert.equal(hex('::'), '0'.repeat(32))
  assert.equal(hex('::1'), `${'0'.repeat(31)}1`)
  assert.equal(hex('fd00:10::a:0:1f'), `fd000010${'0'.repeat(12)}000a0000001f`)
  assert.equal(hex('2001:db8:1:2:3:4:5:6'), '20010db8000100020003000400050006')
  assert.equal(hex('2001:db8::'), '20010db8000000000000000000000000')
})

test('`parseAddress` refuses what is no plain address', () => {
  for (const text of ['', 'None', '10.1.2', '10.1.2.3.4', '010.1.2.3', 'fe80::1%eth0', '1::2::3']) {
    assert.equal(parseAddress(text), undefined, text)
  }
})

test('`isLoopback` knows 127.0.0.0/8 and ::1 only', () => {
  for (const [text, expected] of [
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['128.0.0.1', false],
    ['::2', false],
    ['::', false],
    ['7f00::', false],
    ['10.0.0.127', false],
  ] as const) {
    assert.equal(isLoopback(bytes(text), 0), expected, text)
  }
})

test('`AddressMap` keeps addresses of equal hashes apart', () => {
  // 200,000 keys in 2^30 hashes: some 18 pairs collide (n^2 / 2^31), which the chains must hold.
  const count = 200_000
  const map = new AddressMap<number>()
  const key = new Uint8Array(20)
  const view = new DataView(key.buffer)
  const keyOf = (i: number) => {
    view.setUint32(4, Math.imul(i, 0x9e3779b1) >>> 0)
    view.setUint32(12, i % 3)
    view.setUint32(16, Math.imul(i, 0x85ebca6b) >>> 0)
    return key
  }
  for (let i = 0; i < count; i++) map.set(keyOf(i), i, 4)
  assert.equal(map.size, count)
  for (let i = 0; i < count; i += 2) map.delete(keyOf(i), 4)
  for (let i = 0; i < count; i++) {
    assert.equal(map.get(keyOf(i), 4), i % 2 === 0 ? undefined : i)
  }
  assert.equal(map.size, count / 2)
})
