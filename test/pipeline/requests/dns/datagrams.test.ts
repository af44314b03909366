import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answer, mapped, message, opt, Post, query, record, SERVER_WAY, TYPE } from './messages.ts'

const NAME = 'api.shop.svc.cluster.local'
const V4 = record(TYPE.A, Buffer.of(10, 0, 0, 7))
const V6 = record(TYPE.AAAA, Buffer.from('20010db8000000000000000000000007', 'hex'))

function told(post: Post) {
  return post.rows().map((row) => [row.method, row.target, row.status, row.error, row.answers])
}

test('a query and its answer are an exchange: who asked whom, for what, how it went', () => {
  const [asked, answered] = [query(NAME), answer(NAME, { answers: [V4, V4] })]
  const [row, ...others] = new Post().asks(asked).hears(answered).rows()
  assert.equal(others.length, 0)
  const { protocol, transport, role, src, dst, pid, comm, request_bytes, response_bytes } =
    row ?? {}
  assert.deepEqual(
    { protocol, transport, role, src, dst, pid, comm, request_bytes, response_bytes },
    {
      protocol: 'dns',
      transport: 'udp',
      role: 'client',
      src: '10.0.0.1:40000',
      dst: '10.0.0.2:53',
      pid: 1,
      comm: 'test',
      request_bytes: asked.length,
      response_bytes: answered.length,
    },
  )
  assert.deepEqual([row?.method, row?.target, row?.answers], ['A', NAME, '10.0.0.7,10.0.0.7'])
  assert.deepEqual([row?.status, row?.error, row?.duration_us], [undefined, undefined, 1000])
})

test('both ends give a look-up one name, a Service’s address between them or not', () => {
  const client = new Post().asks(query(NAME), { remoteAddress: mapped(10, 96, 0, 10) })
  client.hears(answer(NAME), { remoteAddress: mapped(10, 96, 0, 10) })
  const server = new Post()
  server.ns += 5_000_000
  server.hears(query(NAME), SERVER_WAY).asks(answer(NAME), SERVER_WAY)
  const [[mine], [its]] = [client.rows(), server.rows()]
  assert.equal(its?.role, 'server')
  assert.match(String(mine?.flow_id), /[1-9a-f]/)
  assert.equal(mine?.flow_id, its?.flow_id)
  assert.deepEqual([mine?.flow_id_local, its?.flow_id_local], [undefined, undefined])
  const others = [
    query(NAME, { id: 2 }),
    query(NAME, { type: TYPE.AAAA }),
    query('api.shop2.svc.cluster.local'),
  ].map((bytes) => new Post().asks(bytes).hears(answer(NAME)))
  others.push(new Post().asks(query(NAME), { localPort: 40_001 }))
  for (const post of others) {
    post.wait(11)
    assert.notEqual(post.rows()[0]?.flow_id, mine?.flow_id)
  }
})

test('A and AAAA under one id, answered in any order, are told apart by their questions', () => {
  const post = new Post().asks(query(NAME)).asks(query(NAME, { type: TYPE.AAAA }))
  post
    .hears(answer(NAME, { type: TYPE.AAAA, answers: [V6] }))
    .hears(answer(NAME, { answers: [V4] }))
  assert.deepEqual(told(post), [
    ['AAAA', NAME, undefined, undefined, '2001:db8::7'],
    ['A', NAME, undefined, undefined, '10.0.0.7'],
  ])
})

test('a query that is sent again is one look-up, which says how often', () => {
  const post = new Post().asks(query(NAME)).wait(5).asks(query(NAME)).hears(answer(NAME))
  const [row, ...others] = post.rows()
  assert.equal(others.length, 0)
  assert.deepEqual([row?.retransmits, row?.duration_us], [1, 5_002_000])
  // The answer to the other one has nothing to answer any more.
  post.hears(answer(NAME))
  assert.equal(post.notes.responses_without_request, 1)
})

test('a query without an answer fails ten seconds after it was sent last', () => {
  const post = new Post().asks(query(NAME)).wait(5).asks(query(NAME)).wait(9)
  assert.deepEqual(post.rows(), [])
  post.wait(2)
  const [row] = post.rows()
  assert.deepEqual([row?.error, row?.status, row?.response_bytes], ['timeout', undefined, 0])
  assert.deepEqual([row?.retransmits, row?.duration_us], [1, 15_001_000])
  assert.equal(post.tracker.memory().openExchanges, 0)
})

test('many that fail at once are all told of at the next look', () => {
  const post = new Post()
  for (let i = 0; i < 100; i++)
    post.asks(query(`${i}.test`, { id: i }), { localPort: 1000 + (i >> 1) })
  post.wait(11)
  assert.equal(post.rows().length, 100)
})

test('response codes, those of EDNS too, and answers that leave the question out', () => {
  const post = new Post()
  post.asks(query(NAME)).hears(answer(NAME, { rcode: 3 }))
  post.asks(query(NAME)).hears(answer(NAME, { rcode: 16 }))
  post.asks(query(NAME)).hears(answer(NAME, { rcode: 1, questions: 0, additional: [] }))
  assert.deepEqual(
    told(post).map(([, , status]) => status),
    [3, 16, 1],
  )
})

test('an answer that did not fit says so', () => {
  const [row] = new Post()
    .asks(query(NAME))
    .hears(answer(NAME, { flags: 0x200 }))
    .rows()
  assert.equal(row?.answer_truncated, true)
})

test('names are written as zone files have them, in lower case, and kept whole', () => {
  const label = 'x'.repeat(63)
  const long = `${label}.${label}.${label}.${'y'.repeat(61)}`
  const odd = Buffer.concat([
    message('', { response: false }).subarray(0, 12),
    Buffer.from('\x05a.b\\"\x04\x00\xff \t\x03COM\x00\x00\x01\x00\x01', 'latin1'),
  ])
  const post = new Post().asks(query(long)).asks(query('.')).asks(odd).asks(query('WwW.ExAmPle'))
  post.hears(answer('wWw.example')).wait(11)
  assert.deepEqual(
    post.rows().map(({ target }) => target),
    ['www.example', long, '.', 'a\\.b\\\\\\".\\000\\255\\032\\009.com'],
  )
})

test('updates and notifications are named so, and looks like DNS is not enough', () => {
  const post = new Post()
  post.asks(query('shop', { opcode: 5, type: TYPE.SOA })).hears(answer('shop', { opcode: 5 }))
  post.asks(query('shop', { opcode: 4, type: TYPE.SOA })).wait(11)
  assert.deepEqual(
    told(post).map(([method, target]) => [method, target]),
    [
      ['UPDATE', 'shop'],
      ['NOTIFY', 'shop'],
    ],
  )
  const sent = { sent: true }
  // A resolver may ask from any port.
  assert.equal(post.give(query(NAME), { sent: true, way: { localPort: 5353 } }), true)
  const mdns = { sent: true, way: { localPort: 5353, remotePort: 5353 } }
  assert.equal(post.give(query(NAME), mdns), false)
  assert.equal(post.give(query(NAME, { questions: 0 }), sent), false)
  assert.equal(post.give(Buffer.alloc(64, 0xff), sent), false)
  assert.equal(post.give(Buffer.alloc(0), sent), false)
})

test('at other ports only what is DNS to its last byte is taken for it', () => {
  const way = { remotePort: 9999 }
  const post = new Post()
  assert.equal(post.give(query(NAME), { sent: true, way }), true)
  assert.equal(post.give(answer(NAME, { answers: [V4] }), { sent: false, way }), true)
  assert.equal(post.rows().length, 1)
  const longer = Buffer.concat([query(NAME), Buffer.of(0)])
  assert.equal(post.give(longer, { sent: true, way }), false)
  assert.equal(post.give(query(NAME), { sent: true, way, captured: 30 }), false)
})

test('a question that was not captured whole marks its row', () => {
  const post = new Post()
  post.give(query(NAME), { sent: true, captured: 20 })
  post.hears(answer(NAME, { questions: 0, additional: [] }))
  const [row] = post.rows()
  assert.deepEqual([row?.truncated, row?.target, row?.method], [true, undefined, undefined])
})

test('no more is kept than what is open, and of that as much as is allowed', () => {
  const post = new Post({ exchangesMax: 10 })
  for (let port = 1000; port < 1100; port++) {
    post.asks(query(NAME), { localPort: port })
    assert.ok(post.tracker.memory().openExchanges <= 10)
  }
  assert.equal(post.notes.exchanges_abandoned, 90)
  assert.equal(post.tracker.memory().datagramEnds, 10)
  post.wait(11)
  assert.deepEqual(post.tracker.memory(), {
    headBytes: 0,
    openExchanges: 0,
    openRequests: 0,
    datagramEnds: 0,
  })
})

test('datagrams of any bytes neither throw nor stay', () => {
  const valid = fc.constantFrom(
    query(NAME),
    answer(NAME, { answers: [V4, V6, V4] }),
    message(NAME, { response: true, opcode: 5, additional: [opt(16)] }),
  )
  const change = fc.tuple(fc.nat(), fc.nat(255))
  const changed = fc.tuple(valid, fc.array(change, { maxLength: 8 })).map(([bytes, changes]) => {
    const copy = Buffer.from(bytes)
    for (const [at, byte] of changes) copy[at % copy.length] = byte
    return copy
  })
  const datagram = fc.tuple(
    fc.oneof(changed, fc.uint8Array({ maxLength: 80 })),
    fc.boolean(),
    fc.nat(100),
    fc.constantFrom(53, 5353, 9999),
  )
  fc.assert(
    fc.property(fc.array(datagram, { maxLength: 30 }), (all) => {
      const post = new Post({ exchangesMax: 20 })
      for (const [bytes, sent, captured, remotePort] of all) {
        post.give(bytes, { sent, way: { remotePort }, captured: Math.min(captured, bytes.length) })
        assert.ok(post.tracker.memory().openExchanges <= 20)
      }
      post.wait(100)
      const { openExchanges, openRequests, datagramEnds } = post.tracker.memory()
      assert.deepEqual([openExchanges, openRequests, datagramEnds], [0, 0, 0])
      for (const { target } of post.rows()) assert.ok(String(target ?? '').length <= 1004)
    }),
    { numRuns: 500 },
  )
})
