import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, parserSuite, type Said, server, Talk, type TalkOptions } from '../talk.ts'
import {
  answer,
  bytes,
  CACHE_METADATA,
  COMPRESS,
  CURSOR,
  command,
  DEFINITION,
  DEPRECATE_EOF,
  end,
  error,
  greeting,
  login,
  MORE,
  OPTIONAL_METADATA,
  ok,
  PORT,
  packet,
  preparedAnswer,
  QUERY_ATTRIBUTES,
  query,
  resultSet,
  SESSION_TRACK,
  SSL,
  start,
  startMariadb,
  u16,
  u32,
} from './packets.ts'

const TEXT = `SELECT * FROM orders WHERE id = 42 AND name = "o'neil" # secret`
const BOTH = [0, DEPRECATE_EOF]

function simple(flags: number): Said[] {
  return [
    ...start(flags),
    query(TEXT),
    answer(resultSet(flags, ['one', 'two', ''])),
    query('INSERT INTO items VALUES (1), (2)'),
    answer([ok()]),
    query('SELECT 1 FROM nowhere'),
    answer([error(1146)]),
    command(0x0e),
    answer([ok()]),
    command(1),
  ]
}

function prepared(flags: number): Said[] {
  const execute = command(0x17, u32(5), 0, u32(1), 0, 1, [8, 0], Buffer.alloc(8))
  return [
    ...start(flags),
    command(0x16, 'SELECT a, b FROM items WHERE id = ?'),
    answer(preparedAnswer(flags, { statement: 5, columns: 2, parameters: 1 })),
    execute,
    answer(resultSet(flags, ['a'])),
    client(bytes(packet(0, 0x18, u32(5), u16(0), 'long'), execute.bytes as Buffer)),
    answer([error(1205)]),
    command(0x19, u32(5)),
    command(0x16, 'SET @a = 1'),
    answer(preparedAnswer(flags, { statement: 6, columns: 0, parameters: 0 })),
    execute,
    answer([error(1243)]),
  ]
}

function several(flags: number): Said[] {
  const all = [...resultSet(flags, ['a'], MORE), ok(MORE), ...resultSet(flags, ['b'])]
  return [...start(flags), query('CALL several(3)'), answer(all), command(9), answer([bytes('Up')])]
}

const FILE: Said[] = [
  ...start(),
  query("LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE items"),
  server(packet(1, 0xfb, 'a.csv')),
  client(bytes(packet(2, 'one\ntwo\n'), packet(3, 'three\n'), packet(4))),
  server(packet(5, ok())),
  query('SELECT a FROM items'),
  answer(resultSet(0, ['a'])),
]

const CHANGES: Said[] = [
  ...start(),
  command(2, 'other'),
  answer([ok()]),
  query('USE `third`;'),
  answer([ok()]),
  query('USE nowhere'),
  answer([error(1049)]),
  command(0x11, 'eve\0', 4, 'pass', 'fourth\0'),
  server(packet(1, 254, 'mysql_native_password\0', '1234567890')),
  client(packet(2, 'scrambled')),
  server(packet(3, ok())),
  command(4, 'items\0%'),
  answer([bytes(3, 'def'), end(0)]),
]

parserSuite('mysql', {
  port: PORT,
  conversations: [...BOTH.flatMap((f) => [simple(f), prepared(f), several(f)]), FILE, CHANGES],
})

function told(said: readonly Said[], options: TalkOptions = {}) {
  const rows = new Talk({ port: PORT, ...options }).say(...said).end()
  assert.ok(rows.every(({ desynchronised }) => !desynchronised))
  return rows.map(({ method, target, error: code }) => [method, target, code])
}

test('a query: operation, table, text without values and comments, database', () => {
  const [row] = new Talk({ port: PORT }).say(...simple(0)).end()
  assert.deepEqual(
    [row?.protocol, row?.method, row?.target, row?.query, row?.namespace],
    ['mysql', 'SELECT', 'orders', 'SELECT * FROM orders WHERE id = ? AND name = ?', 'shop'],
  )
})

for (const flags of BOTH) {
  const how = flags === 0 ? 'with EOF packets' : 'with OK in their place'
  test(`results, errors by their number, and commands without SQL (${how})`, () => {
    assert.deepEqual(told(simple(flags)), [
      ['SELECT', 'orders', undefined],
      ['INSERT', 'items', undefined],
      ['SELECT', 'nowhere', '1146'],
      ['PING', undefined, undefined],
    ])
  })

  test(`prepared statements are known by their numbers, until they are closed (${how})`, () => {
    assert.deepEqual(told(prepared(flags)), [
      ['PREPARE', 'items', undefined],
      ['SELECT', 'items', undefined],
      ['SELECT', 'items', '1205'],
      ['PREPARE', undefined, undefined],
      ['EXECUTE', undefined, '1243'],
    ])
  })

  test(`several results are one exchange (${how})`, () => {
    assert.deepEqual(told(several(flags)), [
      ['CALL', undefined, undefined],
      ['STATISTICS', undefined, undefined],
    ])
  })

  test(`rows of which nothing is known still end where they end (${how})`, () => {
    const said = [
      ...start(flags),
      query('SELECT big FROM t'),
      answer(resultSet(flags, Array(200).fill('x'.repeat(200))).slice(0, -1)),
      server(packet(1, end(flags))),
      query('SELECT a FROM t'),
      answer(resultSet(flags, ['a'])),
    ]
    const captured = (length: number) => (length > 1024 ? 64 : length)
    const rows = new Talk({ port: PORT, captured }).say(...said).end()
    const sizes = said.filter(({ by }) => by === 'server').map((part) => part.bytes.length)
    assert.deepEqual(
      rows.map((row) => [row.response_bytes, row.desynchronised]),
      [
        [(sizes[2] as number) + (sizes[3] as number), undefined],
        [sizes[4], undefined],
      ],
    )
  })
}

test('the description of a statement, known in part, ends when the client goes on', () => {
  const all = preparedAnswer(DEPRECATE_EOF, { statement: 1, columns: 60, parameters: 0 })
  const said = [
    ...start(DEPRECATE_EOF),
    command(0x16, 'SELECT * FROM wide'),
    answer(all),
    command(0x17, u32(1), 0, u32(1)),
    answer(resultSet(DEPRECATE_EOF, ['a'])),
  ]
  assert.deepEqual(told(said, { captured: (length) => Math.min(length, 200) }), [
    ['PREPARE', 'wide', undefined],
    ['SELECT', 'wide', undefined],
  ])
})

test('a cursor: rows are fetched by commands of their own', () => {
  const said = [
    ...start(),
    command(0x16, 'SELECT a FROM items'),
    answer(preparedAnswer(0, { statement: 1, columns: 1, parameters: 0 })),
    command(0x17, u32(1), 1, u32(1)),
    answer([...resultSet(0, []).slice(0, 2), end(0, CURSOR)]),
    command(0x1c, u32(1), u32(10)),
    answer([bytes(0, 0, 1, 'a'), end(0, 0x80)]),
  ]
  assert.deepEqual(
    told(said).map(([method]) => method),
    ['PREPARE', 'SELECT', 'FETCH'],
  )
})

test('definitions that the client knows already, or wants none of, are not waited for', () => {
  const two = [DEFINITION, DEFINITION]
  const rows = [bytes(1, 'a', 1, 'b'), end(0)]
  const wanted = [
    ...start(OPTIONAL_METADATA),
    ...[query('SELECT 1'), answer([bytes(0, 2), end(0), ...rows])],
    ...[query('SELECT 2'), answer([bytes(1, 2), ...two, end(0), ...rows])],
  ]
  const sent = [bytes(1, 'a', 1, 'b'), end(DEPRECATE_EOF)]
  const cached = [
    ...startMariadb(DEPRECATE_EOF, CACHE_METADATA),
    ...[query('SELECT 1'), answer([bytes(2, 1), ...two, ...sent])],
    ...[query('SELECT 1'), answer([bytes(2, 0), ...sent])],
  ]
  for (const said of [wanted, cached]) {
    const rows = new Talk({ port: PORT }).say(...said).end()
    assert.deepEqual(
      rows.map((row) => [row.response_bytes, row.desynchronised]),
      [said[4], said[6]].map((part) => [part?.bytes.length, undefined]),
    )
  }
})

test('a file that a client loads is part of its request', () => {
  const rows = new Talk({ port: PORT }).say(...FILE).end()
  const sent = FILE.slice(3).filter(({ by }) => by === 'client')
  const [load = 0, file = 0] = sent.map((part) => part.bytes.length)
  assert.deepEqual(
    rows.map((row) => [row.method, row.target, row.request_bytes]),
    [
      ['LOAD', 'items', load + file],
      ['SELECT', 'items', sent[2]?.bytes.length],
    ],
  )
})

test('the database is the one that was changed to, once that has succeeded', () => {
  const rows = new Talk({ port: PORT }).say(...CHANGES).end()
  assert.deepEqual(
    rows.map(({ method, namespace, error: code }) => [method, namespace, code]),
    [
      ['INIT_DB', 'shop', undefined],
      ['USE', 'other', undefined],
      ['USE', 'third', '1049'],
      ['CHANGE_USER', 'third', undefined],
      ['FIELD_LIST', 'fourth', undefined],
    ],
  )
})

test('a server that tells of a changed database is believed', () => {
  const changed = bytes(0, 0, 0, u16(0x4002), u16(0), 0, 9, 1, 7, 6, 'hidden')
  const flags = SESSION_TRACK
  const call = [query('CALL change_it()'), answer([changed]), query('SELECT 1'), answer([ok()])]
  const rows = new Talk({ port: PORT }).say(...start(flags), ...call).end()
  assert.deepEqual(
    rows.map(({ namespace }) => namespace),
    ['shop', 'hidden'],
  )
})

test('attributes of a query stand before its text', () => {
  const text = 'SELECT a FROM items'
  const named = bytes(1, 1, 0, 1, [0xfd, 0], 5, 'trace', 3, 'abc')
  const said = [bytes(0, 1), named].flatMap((before) => [command(3, before, text), answer([ok()])])
  const flags = QUERY_ATTRIBUTES
  const rows = new Talk({ port: PORT }).say(...start(flags), ...said).end()
  assert.deepEqual(
    rows.map((row) => row.query),
    [text, text],
  )
})

test('messages of 16 MiB go on in the next packet, in both directions', () => {
  const long = Buffer.alloc(0xffffff, 0x61)
  const begin = 'INSERT INTO items VALUES ("'
  const said = [
    ...start(DEPRECATE_EOF),
    client(bytes(packet(0, 3, begin, long.subarray(begin.length + 1)), packet(1, 'a")'))),
    server(packet(2, ok())),
    query('SELECT a FROM items'),
    answer([bytes(1), bytes(3, 'def')]),
    server(bytes(packet(3, 254, long.subarray(1)), packet(4, 'aaa'), packet(5, 254, ok(2)))),
    query('SELECT b FROM items'),
    answer(resultSet(DEPRECATE_EOF, ['b'])),
  ]
  const rows = new Talk({ port: PORT }).say(...said).end()
  assert.deepEqual(
    rows.map((row) => [row.method, row.request_bytes, row.truncated, row.desynchronised]),
    [
      ['INSERT', 0xffffff + 4 + 4 + 3, undefined, undefined],
      ['SELECT', 24, undefined, undefined],
      ['SELECT', 24, undefined, undefined],
    ],
  )
})

test('pipelined commands are answered in order, also by the statement prepared last', () => {
  const prepare = command(0x16, 'DELETE FROM items WHERE id = ?').bytes as Buffer
  const execute = command(0x17, u32(0xffffffff), 0, u32(1)).bytes as Buffer
  const said = [
    ...start(),
    client(bytes(prepare, execute)),
    answer(preparedAnswer(0, { statement: 1, columns: 0, parameters: 1 })),
    answer([ok()]),
  ]
  assert.deepEqual(told(said), [
    ['PREPARE', 'items', undefined],
    ['DELETE', 'items', undefined],
  ])
})

test('a report of progress is no error', () => {
  const progress = bytes(255, u16(0xffff), 1, 1, 1, [0, 0, 0], 4, 'copy')
  const said = [...start(), query('ALTER TABLE items ADD b INT'), answer([progress, ok()])]
  assert.deepEqual(told(said), [['ALTER', 'items', undefined]])
})

test('what is encrypted, compressed or older is not read, and counted', () => {
  const request = client(packet(1, u32(SSL | (1 << 9)), u32(0), 45, Buffer.alloc(23)))
  const all: readonly [string, readonly Said[]][] = [
    ['encrypted', [server(greeting(SSL)), request, client('\x16\x03\x01')]],
    ['compressed', [server(greeting(COMPRESS)), login(COMPRESS), server(packet(2, ok()))]],
    ['old_protocol', [server(greeting(0)), client(packet(1, u32(1), Buffer.alloc(28), 'bob\0'))]],
  ]
  for (const [name, said] of all) {
    const talk = new Talk({ port: PORT }).say(...said, query('SELECT 1'), answer([ok()]))
    assert.deepEqual(talk.end(), [], name)
    assert.equal(talk.notes[`mysql_${name}`], 1)
  }
})

test('a login whose greeting was not seen is one', () => {
  const said = [login(), server(packet(2, ok())), query(TEXT), answer(resultSet(0, ['a']))]
  assert.deepEqual(told(said), [['SELECT', 'orders', undefined]])
})

test('`drop` leaves the text out', () => {
  const [row] = new Talk({ port: PORT, query: 'drop' }).say(...simple(0)).end()
  assert.deepEqual([row?.target, row?.query], ['orders', undefined])
})

test('after missing bytes the next whole command is paired again, and marked', () => {
  const talk = new Talk({ port: PORT }).say(...start())
  talk.skip('client', 300).skip('server', 300)
  for (const target of ['lost', 'found']) {
    talk.say(query(`SELECT 1 FROM ${target}`), answer(resultSet(0, ['a'])))
  }
  assert.deepEqual(
    talk.end().map(({ target, desynchronised }) => [target, desynchronised]),
    [
      ['lost', true],
      ['found', undefined],
    ],
  )
})

test('an answer out of order is no answer', () => {
  const said = [...start(), query('SELECT 1 FROM t'), server(packet(2, ok()))]
  const [row] = new Talk({ port: PORT }).say(...said).end()
  assert.deepEqual([row?.target, row?.desynchronised], ['t', true])
})

test('more commands than are kept waiting are told once each', () => {
  const said = Array.from({ length: 200 }, (_, i) => query(`SELECT 1 FROM t${i}`))
  const rows = new Talk({ port: PORT }).say(...start(), ...said).end()
  assert.equal(rows.length, 200)
  assert.equal(new Set(rows.map(({ target }) => target)).size, 200)
})
