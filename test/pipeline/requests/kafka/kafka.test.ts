import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { client, parserSuite, type Row, type Said, server, Talk } from '../talk.ts'
import { RECORDED } from './recorded.ts'
import {
  array,
  batch,
  compact,
  fetch,
  fetched,
  heartbeat,
  i16,
  i32,
  PORT,
  produce,
  produced,
  request,
  response,
  text,
  u8,
} from './wire.ts'

const [beat, beaten] = heartbeat(9)

/** Names, where nothing is said of what went wrong. */
function told(rows: readonly Row[]): string[] {
  return rows.map(({ method, target, error }) => [method, target, error].filter(Boolean).join(' '))
}

function talk(...said: readonly Said[]): Row[] {
  return new Talk({ port: PORT }).say(...said).end()
}

function marks(rows: readonly Row[]): (string | number | boolean | undefined)[] {
  return rows.map((row) => row.desynchronised ?? row.truncated)
}

suite('produce', () => {
  test('a request names its topic, partition, messages and client', () => {
    const rows = talk(produce(1, { orders: batch(3) }), produced(1, { orders: 0 }))
    const [row] = rows
    assert.deepEqual(
      [row?.method, row?.target, row?.partition, row?.messages, row?.client_id, row?.error],
      ['Produce', 'orders', '2', 3, 'shop', undefined],
    )
    assert.deepEqual([row?.protocol, row?.protocol_version], ['kafka', '3'])
    assert.equal(row?.desynchronised ?? row?.truncated, undefined)
  })

  test('several topics have no target, and all of them are listed', () => {
    const topics = { orders: batch(2), payments: batch(5) }
    const rows = talk(produce(1, topics), produced(1, { orders: 0, payments: 0 }))
    const [row] = rows
    assert.deepEqual(
      [row?.target, row?.partition, row?.query],
      [undefined, undefined, 'orders, payments'],
    )
    assert.equal(row?.messages, 7)
  })

  test('the first error of any partition is the error', () => {
    const topics = { orders: batch(2), payments: batch(5) }
    const answer = produced(1, { orders: 0, payments: 10 })
    assert.deepEqual(told(talk(produce(1, topics), answer)), ['Produce MESSAGE_TOO_LARGE'])
  })

  test('without acks there is no response, and none is waited for', () => {
    const rows = talk(
      produce(1, { orders: batch(1) }, 0),
      produce(2, { payments: batch(1) }),
      produced(2, { payments: 0 }),
    )
    assert.deepEqual(told(rows), ['Produce orders', 'Produce payments'])
    assert.deepEqual(
      rows.map(({ response_bytes }) => Number(response_bytes) > 0),
      [false, true],
    )
    assert.deepEqual(marks(rows), [undefined, undefined])
  })

  test('of a long one the head is enough', () => {
    const talk = new Talk({ port: PORT, cuts: () => 60_000, captured: () => 1100 })
    const rows = talk
      .say(produce(1, { orders: batch(5000, 200_000) }), produced(1, { orders: 0 }))
      .end()
    assert.deepEqual(told(rows), ['Produce orders'])
    assert.deepEqual([rows[0]?.messages, marks(rows)], [5000, [undefined]])
    assert.ok(Number(rows[0]?.request_bytes) > 200_000)
  })
})

suite('fetch', () => {
  test('a poll says how long it may wait', () => {
    const [row] = talk(fetch(1, { topics: ['orders'] }), fetched(1))
    assert.deepEqual(
      [row?.method, row?.target, row?.partition, row?.wait_max_ms],
      ['Fetch', 'orders', '2', 500],
    )
  })

  test('what a session holds is known without being said', () => {
    const rows = talk(
      fetch(1, { epoch: 0, topics: ['orders'] }),
      fetched(1, { session: 77 }),
      fetch(2, { session: 77, epoch: 1 }),
      fetched(2, { session: 77, topics: { orders: batch(2) } }),
      fetch(3, { session: 77, epoch: 2, topics: ['payments'] }),
      fetched(3, { session: 77 }),
      fetch(4, { session: 77, epoch: 3, forgotten: ['orders'] }),
      fetched(4, { session: 77 }),
      fetch(5, { session: 77, epoch: 4 }),
      fetched(5, { session: 77 }),
    )
    const targets = ['orders', 'orders', undefined, 'payments', 'payments']
    assert.deepEqual(
      rows.map(({ target }) => target),
      targets,
    )
    assert.deepEqual(marks(rows), Array(5).fill(undefined))
  })

  test('a session whose begin was not seen is told by what it brings, and marked', () => {
    const rows = talk(
      fetch(1, { session: 77, epoch: 6 }),
      fetched(1, { session: 77 }),
      fetch(2, { session: 77, epoch: 7 }),
      fetched(2, { session: 77, topics: { orders: batch(2) } }),
    )
    assert.deepEqual(
      rows.map(({ target }) => target),
      [undefined, 'orders'],
    )
    assert.deepEqual(marks(rows), [true, true])
  })

  test('of long records nothing is wanted, and nothing need be known', () => {
    const { bytes } = fetched(1, { topics: { orders: batch(5000, 200_000) } })
    const talk = new Talk({ port: PORT }).say(fetch(1, { topics: ['orders'] }))
    talk.say(server(bytes.subarray(0, 2000)))
    assert.equal(talk.wantedFrom('server'), bytes.length)
    assert.equal(talk.wantedFrom('client'), 0)
    const rows = talk
      .skip('server', bytes.length - 2000)
      .say(beat, beaten)
      .end()
    assert.deepEqual(told(rows), ['Fetch orders', 'Heartbeat'])
    assert.deepEqual(
      [rows[0]?.response_bytes, ...marks(rows)],
      [bytes.length, undefined, undefined],
    )
  })

  test('an error of a partition is the error', () => {
    const rows = talk(
      fetch(1, { topics: ['orders'] }),
      fetched(1, { topics: { orders: Buffer.alloc(0) }, error: 1 }),
    )
    assert.deepEqual(told(rows), ['Fetch orders OFFSET_OUT_OF_RANGE'])
  })
})

suite('pairs', () => {
  test('requests under way at the same time are told apart by their ids', () => {
    const rows = talk(
      fetch(4, { topics: ['orders'] }),
      produce(5, { payments: batch(1) }),
      beat,
      fetched(4),
      produced(5, { payments: 3 }),
      beaten,
    )
    const expected = ['Fetch orders', 'Produce payments UNKNOWN_TOPIC_OR_PARTITION', 'Heartbeat']
    assert.deepEqual(told(rows), expected)
    assert.deepEqual(marks(rows), [undefined, undefined, undefined])
  })

  test('a response tells that those before it were missed', () => {
    const rows = talk(fetch(4, { topics: ['orders'] }), beat, beaten)
    assert.deepEqual(told(rows), ['Fetch orders', 'Heartbeat'])
    assert.deepEqual(marks(rows), [true, undefined])
  })

  test('a response to nobody is nobody’s', () => {
    const talk = new Talk({ port: PORT }).say(beat, produced(1, { orders: 3 }), beaten)
    assert.deepEqual(told(talk.end()), ['Heartbeat'])
    assert.equal(talk.notes.responses_without_request, 1)
  })

  test('ids pair after missing bytes as before', () => {
    const talk = new Talk({ port: PORT }).say(beat)
    talk.skip('client', 300).skip('server', 500)
    const rows = talk.say(produce(12, { orders: batch(1) }), produced(12, { orders: 0 })).end()
    assert.deepEqual(told(rows), ['Heartbeat', 'Produce orders'])
    assert.deepEqual(marks(rows), [true, true])
  })

  test('on a connection that is older than the capture the first whole request begins', () => {
    const talk = new Talk({ port: PORT, before: 4000 })
    talk.say(server(Buffer.alloc(1000, 'x')), produce(3, { orders: batch(1) }))
    assert.deepEqual(told(talk.say(produced(3, { orders: 0 })).end()), ['Produce orders'])
  })

  test('a length that is read by itself is part of its message', () => {
    const lengths = [4, 1 << 20]
    const talk = new Talk({ port: PORT, before: 4000, cuts: () => lengths[0] as number })
    for (const said of [beat, beaten]) {
      for (const part of [said.bytes.subarray(0, 4), said.bytes.subarray(4)]) {
        lengths[0] = part.length
        talk.say({ by: said.by, bytes: part })
      }
    }
    assert.deepEqual(told(talk.end()), ['Heartbeat'])
  })
})

suite('others', () => {
  test('a kind that is not known has its number', () => {
    const head = { key: 111, version: 2, correlation: 2 }
    const said = [beat, beaten, request(head, text('what')), response(2, i16(3))]
    assert.deepEqual(told(talk(...said)), ['Heartbeat', 'ApiKey111'])
  })

  test('a version that is not known yet has its name, and nothing that stands elsewhere', () => {
    const head = { key: 0, version: 31, correlation: 2, flexible: true }
    const said = [beat, beaten, request(head, text('what')), response(2, i16(3))]
    assert.deepEqual(told(talk(...said)), ['Heartbeat', 'Produce'])
  })

  test('a client that is newer than all is invited to say what its broker can read', () => {
    const head = { key: 18, version: 9, correlation: 1, flexible: true }
    const asked = request(head, compact('lib'), compact('9.0'), u8(7, 7, 7))
    // The old head, and the oldest body.
    const rows = talk(asked, response(1, i16(35), array()), beat, beaten)
    assert.deepEqual(told(rows), ['ApiVersions', 'Heartbeat'])
    assert.deepEqual(marks(rows), [undefined, undefined])
  })

  test('a member that is told its id has met no error', () => {
    const head = { key: 11, version: 4, correlation: 1 }
    const rest = [text('billing'), i32(10), i32(20), text(''), text('consumer'), array()]
    const [row] = talk(request(head, ...rest), response(1, i32(0), i16(79), i32(-1)))
    assert.deepEqual([row?.namespace, row?.wait_max_ms, row?.error], ['billing', 20, undefined])
  })

  test('tokens of SASL without heads are left alone', () => {
    const head = { key: 17, version: 0, correlation: 1 }
    const talk = new Talk({ port: PORT })
    talk.say(request(head, text('PLAIN')), response(1, i16(0), array(text('PLAIN'))))
    const rows = talk.say({ by: 'client', bytes: Buffer.from('\0\0\0\x0b\0user\0secret') }).end()
    assert.deepEqual(told(rows), ['SaslHandshake'])
    assert.equal(talk.notes.kafka_sasl_tokens, 1)
  })

  test('topics and errors of a request may be left out of its text', () => {
    const topics = { orders: batch(2), payments: batch(5) }
    const talk = new Talk({ port: PORT, query: 'drop' }).say(produce(1, topics))
    assert.equal(talk.end()[0]?.query, undefined)
  })
})

suite('recorded', () => {
  /** The newest version of a kind that each release speaks, and whether it names topics by ids. */
  const VERSIONS: Readonly<Record<string, readonly [produce: string, fetch: string]>> = {
    '1.0.2': ['5', '6'],
    '2.1.1': ['7', '10'],
    '2.8.2': ['9', '12'],
    '3.9.1': ['11', '17'],
    '4.2.0': ['13', '18'],
  }

  for (const [release, [produceVersion, fetchVersion]] of Object.entries(VERSIONS)) {
    test(`what a client of ${release} did is told`, () => {
      // One after the other: who learns the ids of topics asks on another connection.
      const talk = recordedBy(release)
      const rows = talk.filter(({ client_id }) =>
        /^(sender|careless|boaster|reader|idler)$/.test(String(client_id)),
      )
      const of = (client: string, method: string) =>
        rows.filter((row) => row.client_id === client && row.method === method)
      const sent = of('sender', 'Produce')
      assert.deepEqual(told(sent), ['Produce orders', 'Produce orders'])
      assert.equal(sent[0]?.protocol_version, produceVersion)
      assert.deepEqual(
        sent.map(({ partition, messages }) => [partition, messages]),
        [
          ['0', 1],
          ['0', 1],
        ],
      )
      assert.deepEqual(told(of('careless', 'Produce')), ['Produce orders'])
      assert.deepEqual(told(of('boaster', 'Produce')), ['Produce small MESSAGE_TOO_LARGE'])
      const polled = of('reader', 'Fetch')
      assert.equal(polled[0]?.protocol_version, fetchVersion)
      assert.equal(polled[0]?.target, 'orders')
      assert.deepEqual(
        new Set(of('reader', 'OffsetCommit').map(({ namespace }) => namespace)),
        new Set(['billing']),
      )
      assert.deepEqual(of('idler', 'Fetch')[0]?.target, 'payments')
      const wrong = rows.filter(({ truncated }) => truncated)
      assert.deepEqual(wrong, [])
    })
  }

  function recordedBy(release: string): Row[] {
    const all = RECORDED.filter(({ client }) => client === release)
    assert.ok(all.length > 0)
    const talk = new Talk({ port: PORT })
    for (const { said } of all) talk.reconnect().say(...said)
    return talk.end()
  }
})

const conversations = [
  [produce(1, { orders: batch(3) }), produced(1, { orders: 0 }), beat, beaten],
  [
    fetch(1, { topics: ['orders'] }),
    produce(2, { orders: batch(1) }),
    fetched(1),
    produced(2, { orders: 3 }),
  ],
  [produce(1, { orders: batch(1, 20), payments: batch(2, 20) }, 0), ...heartbeat(2)],
  // Topics by their names.
  ...RECORDED.filter(({ client }) => client < '3').map(({ said }) => said),
]
parserSuite('Kafka', { conversations, port: PORT })

test('a connection that begins with Metadata is not taken for PostgreSQL’s, which reads alike', () => {
  const asked = Buffer.from('0000001a000300010000000500086e756d62657265640000000100026e35', 'hex')
  const answered = Buffer.from('0000000e00000005000000000000000000000000', 'hex')
  const talk = new Talk({ port: 9092 }).say(client(asked), server(answered.subarray(0, 18)))
  assert.deepEqual(
    talk.end().map(({ protocol, method, target }) => [protocol, method, target]),
    [['kafka', 'Metadata', 'n5']],
  )
})
