import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packet } from '../../../receivers/pcap/file/packet.ts'
import { Decapsulator, NO_SEGMENT } from '../../../receivers/pcap/wire/decapsulator.ts'
import { ethernet, ip, packet, tcp, u16, u32, udp } from './packets.ts'

const decapsulator = new Decapsulator()

function peel(bytes: Uint8Array, linkType: number, more: Partial<Packet> = {}) {
  const given = Object.assign(new Packet(), {
    bytes: Buffer.from(bytes),
    captured: bytes.length,
    length: bytes.length,
    linkType,
    ...more,
  })
  const peeled = decapsulator.peel(given)
  if (peeled !== 'segment' && peeled !== 'datagram') return peeled
  const { segment } = decapsulator
  const text = segment.bytes.toString('latin1', segment.at, segment.at + segment.captured)
  return { ...segment, text, addresses: Buffer.from(segment.addresses).toString('hex') }
}

const V4 = packet({ payload: 'hello' })
const V6 = packet({ from: 'fd00::1', to: 'fd00::2', payload: 'hello' })
const V4_ADDRESSES = '00000000000000000000ffff0a00000100000000000000000000ffff0a000002'
const V6_ADDRESSES = 'fd000000000000000000000000000001fd000000000000000000000000000002'
const INNER = ethernet(0x0800, V4)
const vxlan = Buffer.concat([Buffer.of(8, 0, 0, 0), u32(42 << 8), INNER])
const vxlanOf = (body: Uint8Array) =>
  Buffer.concat([
    Buffer.of(8, 0, 0, 0),
    u32(42 << 8),
    ethernet(0x0800, ip('10.0.0.1', '10.0.0.2', { protocol: 17, body })),
  ])
const geneve = Buffer.concat([Buffer.of(1, 0), u16(0x6558), u32(7 << 8), u32(0), INNER])
const over = (body: Uint8Array, protocol: number) =>
  ethernet(0x0800, ip('192.0.2.1', '192.0.2.2', { protocol, body }))
const extension = Buffer.concat([Buffer.of(6, 0), Buffer.alloc(6), tcp({ payload: 'hello' })])

const WAYS: readonly [string, Uint8Array, number, string][] = [
  ['Ethernet, IPv4', INNER, 1, V4_ADDRESSES],
  ['Ethernet, IPv6', ethernet(0x86dd, V6), 1, V6_ADDRESSES],
  [
    'two VLAN tags',
    ethernet(0x88a8, Buffer.concat([u16(1), u16(0x8100), u16(2), u16(0x0800), V4])),
    1,
    V4_ADDRESSES,
  ],
  ['MPLS', ethernet(0x8847, Buffer.concat([u32(0x1000), u32(0x2100), V4])), 1, V4_ADDRESSES],
  [
    'Linux cooked v1',
    Buffer.concat([u16(4), u16(1), u16(6), Buffer.alloc(8), u16(0x0800), V4]),
    113,
    V4_ADDRESSES,
  ],
  [
    'Linux cooked v2',
    Buffer.concat([u16(0x86dd), u16(0), u32(3), u16(1), Buffer.of(0, 6), Buffer.alloc(8), V6]),
    276,
    V6_ADDRESSES,
  ],
  ['raw IPv4', V4, 101, V4_ADDRESSES],
  ['raw IPv6', V6, 101, V6_ADDRESSES],
  [
    'loopback of a little-endian machine',
    Buffer.concat([Buffer.of(2, 0, 0, 0), V4]),
    0,
    V4_ADDRESSES,
  ],
  ['loopback of a big-endian machine', Buffer.concat([Buffer.of(0, 0, 0, 2), V4]), 0, V4_ADDRESSES],
  ['loopback of macOS, IPv6', Buffer.concat([Buffer.of(30, 0, 0, 0), V6]), 0, V6_ADDRESSES],
  ['OpenBSD loopback', Buffer.concat([Buffer.of(0, 0, 0, 24), V6]), 108, V6_ADDRESSES],
  ['VXLAN', over(udp(4789, vxlan), 17), 1, V4_ADDRESSES],
  ['VXLAN on the port of Linux', over(udp(8472, vxlan), 17), 1, V4_ADDRESSES],
  ['Geneve with an option', over(udp(6081, geneve), 17), 1, V4_ADDRESSES],
  [
    'GRE with a key',
    over(Buffer.concat([u16(0x2000), u16(0x0800), u32(9), V4]), 47),
    1,
    V4_ADDRESSES,
  ],
  [
    'GRE with an Ethernet frame',
    over(Buffer.concat([u16(0), u16(0x6558), INNER]), 47),
    1,
    V4_ADDRESSES,
  ],
  ['IP in IP', over(V4, 4), 1, V4_ADDRESSES],
  ['IPv6 in IPv4', over(V6, 41), 1, V6_ADDRESSES],
  [
    'an IPv6 extension header',
    ip('fd00::1', 'fd00::2', { protocol: 0, body: extension }),
    101,
    V6_ADDRESSES,
  ],
]

for (const [name, bytes, linkType, addresses] of WAYS) {
  test(`${name}: the innermost segment is found`, () => {
    const found = peel(bytes, linkType)
    assert.ok(typeof found === 'object', String(found))
    assert.equal(found.addresses, addresses)
    assert.equal(found.text, 'hello')
    assert.deepEqual([found.sourcePort, found.destinationPort, found.length], [40_000, 80, 5])
  })

  test(`${name}: cut anywhere it gives less payload or says why there is none`, () => {
    for (let captured = 0; captured < bytes.length; captured++) {
      const found = peel(bytes.subarray(0, captured), linkType, { length: bytes.length })
      if (typeof found === 'object') {
        assert.equal(found.length, 5)
        assert.equal(found.text, 'hello'.slice(0, 5 - (bytes.length - captured)))
      } else assert.ok(NO_SEGMENT.some((why) => why === found))
    }
  })
}

test("padding behind a short packet is not the packet's", () => {
  const found = peel(Buffer.concat([INNER, Buffer.alloc(20, 0xff)]), 1)
  assert.ok(typeof found === 'object')
  assert.equal(found.text, 'hello')
})

test('a packet whose length the card was to fill in has the length of its frame', () => {
  const offloaded = Buffer.from(V4)
  offloaded.writeUInt16BE(0, 2)
  const found = peel(offloaded, 101)
  assert.ok(typeof found === 'object')
  assert.equal(found.text, 'hello')
})

test('what carries no whole segment is told apart', () => {
  assert.equal(peel(ethernet(0x0806, Buffer.alloc(28)), 1), 'not_ip')
  assert.equal(peel(V4, 9999), 'not_ip')
  assert.equal(
    peel(ip('10.0.0.1', '10.0.0.2', { protocol: 1, body: Buffer.alloc(8) }), 101),
    'not_tcp_or_udp',
  )
  const fragment = ip('10.0.0.1', '10.0.0.2', { protocol: 6, body: tcp({}), fragment: 0x2000 })
  assert.equal(peel(fragment, 101), 'fragment')
  let nested: Buffer = V4
  for (let i = 0; i < 20; i++) nested = ip('10.0.0.1', '10.0.0.2', { protocol: 4, body: nested })
  assert.equal(peel(nested, 101), 'too_many_layers')
})

test('a datagram has the length that UDP says, of which a first fragment has a part', () => {
  const body = udp(53, Buffer.from('hello'), 40_000)
  for (const frame of [
    ip('10.0.0.1', '10.0.0.2', { protocol: 17, body }),
    ethernet(
      0x0800,
      ip('192.0.2.1', '192.0.2.2', { protocol: 17, body: udp(4789, vxlanOf(body)) }),
    ),
    ip('fd00::1', 'fd00::2', { protocol: 17, body }),
  ]) {
    const found = peel(frame, frame[0] === 2 ? 1 : 101)
    assert.ok(typeof found === 'object', String(found))
    assert.deepEqual(
      [found.sourcePort, found.destinationPort, found.length, found.text],
      [40_000, 53, 5, 'hello'],
    )
  }
  const long = udp(53, Buffer.alloc(3000), 40_000).subarray(0, 1480)
  const inIpv6 = Buffer.concat([Buffer.of(17, 0, 0, 1, 0, 0, 0, 7), long])
  for (const first of [
    ip('10.0.0.1', '10.0.0.2', { protocol: 17, body: long, fragment: 0x2000 }),
    ip('fd00::1', 'fd00::2', { protocol: 44, body: inIpv6 }),
  ]) {
    const found = peel(first, 101)
    assert.ok(typeof found === 'object', String(found))
    assert.deepEqual([found.length, found.captured], [3000, 1472])
  }
  const second = ip('10.0.0.1', '10.0.0.2', { protocol: 17, body: long, fragment: 0x20b9 })
  assert.equal(peel(second, 101), 'fragment')
  const later = Buffer.concat([Buffer.of(17, 0, 5, 0xc8, 0, 0, 0, 7), long])
  assert.equal(peel(ip('fd00::1', 'fd00::2', { protocol: 44, body: later }), 101), 'fragment')
  const longer = ip('10.0.0.1', '10.0.0.2', { protocol: 17, body: long })
  assert.equal(peel(longer, 101), 'malformed')
})

test('timestamps and identification are read', () => {
  const found = peel(packet({ payload: 'hello', timestamp: 77, identification: 5 }), 101)
  assert.ok(typeof found === 'object')
  assert.deepEqual([found.timestamp, found.identification, found.text], [77, 5, 'hello'])
})

test('no bytes make it throw, or name payload that was not captured', () => {
  const linkType = fc.constantFrom(0, 1, 12, 101, 108, 113, 228, 276)
  const datagram = ip('10.0.0.1', '10.0.0.2', { protocol: 17, body: udp(53, Buffer.from('hello')) })
  const frames = [...WAYS.map(([, bytes]) => bytes), datagram]
  const changed = fc
    .tuple(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }))
    .map(([frame, changes]) => {
      const bytes = Buffer.from(frame)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      return bytes as Uint8Array
    })
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 120 })), linkType, (bytes, type) => {
      const found = peel(bytes, type)
      if (typeof found === 'string') return
      assert.ok(found.captured >= 0 && found.captured <= found.length)
      assert.ok(found.at + found.captured <= bytes.length)
    }),
    { numRuns: 3000 },
  )
})
