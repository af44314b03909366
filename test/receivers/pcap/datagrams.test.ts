import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer, query, record, TYPE } from '../../pipeline/requests/dns/messages.ts'
import { ip, pcap, pcapng, type Timed, udp } from './packets.ts'
import { type Row, readCapture } from './read.ts'

const [CLIENT, SERVER] = ['10.0.0.1', '10.0.0.2']
const NAME = 'api.shop'
const V4 = record(TYPE.A, Buffer.of(10, 0, 0, 7))
const IN = 1
const OUT = 2

interface Sent extends Partial<Timed> {
  readonly from?: string
  readonly to?: string
  readonly ports?: readonly [source: number, destination: number]
  readonly identification?: number
  readonly flags?: number
}

let us = 1_000_000

function datagram(body: Uint8Array, of: Sent = {}): Timed & { readonly flags?: number } {
  const { from = CLIENT, to = SERVER, ports = [40_000, 53], identification = 0, ...more } = of
  const bytes = ip(from, to, { protocol: 17, body: udp(ports[1], body, ports[0]), identification })
  us += 1000
  return { bytes, us, ...more }
}

const back = { from: SERVER, to: CLIENT, ports: [53, 40_000] } as const

function told(rows: readonly Row[]): unknown[] {
  return rows.map(({ role, method, target, status, error, answers }) =>
    [role, method, target, status ?? error ?? answers].join(' '),
  )
}

test('a look-up in a capture has a row at either end, under one name, and its flow has one', async (t) => {
  const packets = [
    datagram(query(NAME)),
    datagram(answer(NAME, { answers: [V4] }), back),
    datagram(query(NAME, { id: 2, type: TYPE.AAAA })),
    datagram(answer(NAME, { id: 2, type: TYPE.AAAA, rcode: 3 }), back),
  ]
  const { exchanges, connections, used } = await readCapture(t, pcap(packets))
  assert.deepEqual(told(exchanges).sort(), [
    'client A api.shop 10.0.0.7',
    'client AAAA api.shop 3',
    'server A api.shop 10.0.0.7',
    'server AAAA api.shop 3',
  ])
  assert.equal(new Set(exchanges.map(({ flow_id }) => flow_id)).size, 2)
  assert.deepEqual(
    connections.map((row) => [row.role, row.state, row.transport, row.segments_sent]),
    [
      ['client', 'interim', 'udp', 2],
      ['server', 'interim', 'udp', 2],
    ],
  )
  const sizes = packets.map(({ bytes }) => bytes.length - 28)
  const [asked, answered] = [0, 1].map((i) => (sizes[i] as number) + (sizes[i + 2] as number))
  assert.deepEqual([connections[0]?.bytes_sent, connections[0]?.bytes_received], [asked, answered])
  assert.deepEqual([connections[1]?.bytes_sent, connections[1]?.bytes_received], [answered, asked])
  assert.equal(used.datagram, 4)
})

test('nobody knows of a server that was not captured and says nothing', async (t) => {
  const packets = [datagram(Buffer.from('statistics'), { ports: [40_000, 8125] })]
  const { connections, exchanges } = await readCapture(t, pcap(packets))
  assert.deepEqual(
    connections.map(({ role, src, dst, segments_sent }) => [role, src, dst, segments_sent]),
    [['client', `${CLIENT}:40000`, `${SERVER}:8125`, 1]],
  )
  assert.equal(exchanges.length, 0)
})

test('where packets say which way they went, each end is told of by what was seen there', async (t) => {
  const server = [
    datagram(query(NAME), { flags: IN }),
    datagram(answer(NAME), { ...back, flags: OUT }),
  ]
  const { exchanges, connections } = await readCapture(t, pcapng(server))
  assert.deepEqual(
    [...exchanges, ...connections].map(({ role }) => role),
    ['server', 'server'],
  )

  // Between two pods of one host: out of the one's interface, into the other's.
  const at = us
  const both = [
    datagram(query(NAME), { flags: IN, us: at, identification: 7 }),
    datagram(query(NAME), { flags: OUT, us: at + 20, identification: 7 }),
    datagram(query(NAME), { flags: OUT, us: at + 25, identification: 7 }),
    datagram(answer(NAME), { ...back, flags: IN, us: at + 90, identification: 9 }),
    datagram(answer(NAME), { ...back, flags: OUT, us: at + 95, identification: 9 }),
  ]
  const seen = await readCapture(t, pcapng(both))
  assert.deepEqual(told(seen.exchanges).sort(), ['client A api.shop ', 'server A api.shop '])
  assert.deepEqual(
    seen.connections.map(({ role, segments_sent, retransmits }) => [
      role,
      segments_sent,
      retransmits,
    ]),
    [
      ['client', 1, 0],
      ['server', 1, 0],
    ],
  )
  for (const { retransmits } of seen.exchanges) assert.equal(retransmits, 0)
  assert.equal(seen.notes.segments_seen_twice, 1)
  const clients = await readCapture(t, pcapng(both), { options: { ends: 'client' } })
  assert.deepEqual(
    clients.rows.map(({ role }) => role),
    ['client', 'client'],
  )
})

test('a flow is told of while it lasts, and over after a minute of silence', async (t) => {
  const at = us
  const ports = [9000, 9001] as const
  const later = (s: number, more: Sent = {}) =>
    datagram(Buffer.from(`${s}`), { ports, us: at + s * 1e6, ...more })
  const packets = [0, 0.5, 2, 30].map((s) => later(s))
  packets.push(later(100, { ports: [9100, 9101] }), later(101, { ports: [9100, 9101] }))
  const { connections } = await readCapture(t, pcap(packets))
  assert.deepEqual(
    connections.map((row) => [row.state, row.close_reason, row.src, row.segments_sent]),
    [
      ['open', undefined, `${CLIENT}:9000`, 3],
      ['closed', 'idle', `${CLIENT}:9000`, 4],
      ['interim', undefined, `${CLIENT}:9100`, 2],
    ],
  )
  assert.equal(connections[1]?.bytes_sent_delta, '00.5230'.length)
})

test('beyond connections_max the quietest flows are ended, and counted', async (t) => {
  const packets = Array.from({ length: 40 }, (_, i) =>
    datagram(query(NAME), { ports: [5000 + i, 53] }),
  )
  const { connections, notes } = await readCapture(t, pcap(packets), {
    options: { connections_max: 16 },
  })
  assert.equal(connections.length, 40)
  assert.equal(notes.connections_evicted, 24)
})

test('an answer in fragments is one, of which the first part is known', async (t) => {
  const long = udp(40_000, answer(NAME, { answers: Array.from({ length: 200 }, () => V4) }), 53)
  const part = (body: Uint8Array, fragment: number) => ({
    bytes: ip(SERVER, CLIENT, { protocol: 17, body, fragment, identification: 3 }),
    us,
  })
  const packets = [
    datagram(query(NAME)),
    part(long.subarray(0, 1480), 0x2000),
    part(long.subarray(1480), 1480 / 8),
  ]
  const { exchanges, used } = await readCapture(t, pcap(packets))
  assert.equal(exchanges[0]?.response_bytes, long.length - 8)
  assert.match(String(exchanges[0]?.answers), /^(10\.0\.0\.7,){15}10\.0\.0\.7$/)
  assert.equal(used.fragment, 1)
})
