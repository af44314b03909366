import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, parserSuite, type Said, server, Talk, type TalkOptions } from '../talk.ts'
import { answer, framed, query, record, TYPE } from './messages.ts'

const PORT = 53
const NAME = 'api.shop'
const SOA = record(TYPE.SOA, Buffer.alloc(22))
const V4 = record(TYPE.A, Buffer.of(10, 0, 0, 7))
const LARGE = record(TYPE.TXT, Buffer.alloc(3000, 'x'))

const ONE = [client(framed(query(NAME))), server(framed(answer(NAME, { answers: [V4] })))]
/** RFC 7766 §6.2.1.1: sent without waiting, answered in any order. */
const PIPELINED = [
  client(
    framed(
      query(NAME, { id: 1 }),
      query(NAME, { id: 2, type: TYPE.AAAA }),
      query('large.shop', { id: 3, type: TYPE.TXT }),
    ),
  ),
  server(framed(answer(NAME, { id: 2, type: TYPE.AAAA, rcode: 3 }))),
  server(framed(answer('large.shop', { id: 3, type: TYPE.TXT, answers: [LARGE] }))),
  server(framed(answer(NAME, { id: 1, answers: [V4] }))),
]
const UPDATE = [
  client(framed(query('shop', { opcode: 5, type: TYPE.SOA }))),
  server(framed(answer('shop', { opcode: 5, type: TYPE.SOA, rcode: 5 }))),
]
const TRANSFER = [
  client(framed(query('shop', { type: TYPE.AXFR }))),
  server(framed(answer('shop', { type: TYPE.AXFR, answers: [SOA, V4, V4] }))),
  server(framed(answer('shop', { type: TYPE.AXFR, questions: 0, answers: [V4, SOA] }))),
]

parserSuite('dns', { port: PORT, conversations: [ONE, PIPELINED, UPDATE, TRANSFER] })

function talk(said: readonly Said[], options: TalkOptions = {}) {
  return new Talk({ port: PORT, ...options }).say(...said)
}

function told(said: readonly Said[], options: TalkOptions = {}) {
  const rows = talk(said, options).close('fin')
  return rows.map(({ method, target, status, error }) => [method, target, status ?? error])
}

test('a query over TCP is an exchange of its connection, sizes with the lengths before messages', () => {
  const [row] = talk(ONE).end()
  assert.deepEqual([row?.protocol, row?.transport, row?.answers], ['dns', 'tcp', '10.0.0.7'])
  assert.equal(row?.flow_id, '0000000200000001')
  assert.deepEqual(
    [row?.request_bytes, row?.response_bytes],
    ONE.map(({ bytes }) => bytes.length),
  )
})

test('queries that do not wait for one another are paired by what they ask', () => {
  const rows = talk(PIPELINED).end()
  assert.deepEqual(
    rows.map(({ method, target, status }) => [method, target, status]),
    [
      ['AAAA', NAME, 3],
      ['TXT', 'large.shop', undefined],
      ['A', NAME, undefined],
    ],
  )
  assert.ok((rows[1]?.response_bytes as number) > 3000)
  const length = framed(query(NAME)).length
  const offsets = rows.map(({ request_offset }) => request_offset)
  assert.deepEqual(offsets, [length, 2 * length, 0])
})

test('a zone that is sent in many messages is one exchange, over when nothing more comes', () => {
  const bytes = TRANSFER.slice(1).reduce((sum, said) => sum + said.bytes.length, 0)
  for (const end of [(t: Talk) => t.end(), (t: Talk) => t.wait(1500).rows()]) {
    const [row, ...others] = end(talk(TRANSFER)).filter(({ state }) => state === 'closed')
    assert.equal(others.length, 0)
    assert.deepEqual([row?.method, row?.target, row?.response_bytes], ['AXFR', 'shop', bytes])
    assert.deepEqual([row?.desynchronised, row?.error], [undefined, undefined])
    assert.equal(row?.duration_us, 2000)
  }
  const refused = answer('shop', { type: TYPE.AXFR, rcode: 5 })
  assert.deepEqual(told([...TRANSFER.slice(0, 1), server(framed(refused))]), [['AXFR', 'shop', 5]])
  const unchanged = answer('shop', { type: TYPE.IXFR, answers: [SOA] })
  const changes = [client(framed(query('shop', { type: TYPE.IXFR }))), server(framed(unchanged))]
  assert.equal(talk(changes).rows().length, 1)
})

test('a query without an answer fails with its connection, or in time', () => {
  assert.deepEqual(told(ONE.slice(0, 1)), [['A', NAME, 'connection_closed']])
  const rows = talk(ONE.slice(0, 1)).wait(11_000).rows()
  assert.deepEqual(
    rows.filter(({ state }) => state === 'closed').map(({ error }) => error),
    ['timeout'],
  )
})

test('it is known at any port, by a whole query, and at its own by an answer too', () => {
  for (const port of [53, 5300]) assert.equal(told(PIPELINED, { port }).length, 3)
  const orphans = talk(ONE.slice(1)).notes.responses_without_request
  assert.equal(orphans, 1)
  const name = 'x'.repeat(60)
  const early = talk([client(framed(query(name)).subarray(0, 5))], { port: 5300 })
  const rows = early.say(client(framed(query(name)).subarray(5)), server(framed(answer(name))))
  assert.equal(rows.end()[0]?.target, name)
})

test('behind missing bytes what was open is over, and the next whole message is read again', () => {
  const talking = talk(ONE.slice(0, 1)).skip('server', 10)
  talking.say(client(framed(query('next.shop', { id: 7 })))).skip('client', 99)
  talking.say(
    client(framed(query('last.shop', { id: 8 }))),
    server(framed(answer('last.shop', { id: 8 }))),
  )
  assert.deepEqual(
    talking.end().map(({ target, desynchronised }) => [target, desynchronised]),
    [
      [NAME, true],
      ['next.shop', true],
      ['last.shop', true],
    ],
  )
  assert.equal(talking.notes.dns_desynchronised, 2)
})
