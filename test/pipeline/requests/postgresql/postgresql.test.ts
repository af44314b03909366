import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, parserSuite, type Said, server, Talk, type TalkOptions } from '../talk.ts'

const PORT = 5432

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function message(type: string, body: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([Buffer.from(type), i32(bytes.length + 4), bytes])
}

function startup(parameters: string): Buffer {
  const body = Buffer.from(parameters)
  return Buffer.concat([i32(8 + body.length), i32(196_608), body])
}

const READY = message('Z', 'I')
const STARTUP: readonly Said[] = [
  client(startup('user\0bob\0database\0shop\0\0')),
  server(
    Buffer.concat([message('R', i32(0)), message('S', 'a\0b\0'), message('K', '12345678'), READY]),
  ),
]

function query(text: string): Said {
  return client(message('Q', `${text}\0`))
}

const ROWS = server(
  Buffer.concat([message('T', '\0\0'), message('D', '\0\0'), message('C', 'SELECT 1\0'), READY]),
)
const SIMPLE = [...STARTUP, query("SELECT * FROM orders WHERE id = 42 AND name = 'x''y'"), ROWS]
const EXTENDED = [
  ...STARTUP,
  client(
    Buffer.concat([
      message('P', 's1\0INSERT INTO shop.items (a, b) VALUES ($1, $2)\0\0\0'),
      message('B', '\0s1\0\0\0\0\0\0\0'),
      message('D', 'P\0'),
      message('E', '\0\0\0\0\0'),
      message('S'),
    ]),
  ),
  server(
    Buffer.concat([message('1'), message('2'), message('n'), message('C', 'INSERT 0 1\0'), READY]),
  ),
  client(
    Buffer.concat([message('B', '\0s1\0\0\0\0\0\0\0'), message('E', '\0\0\0\0\0'), message('S')]),
  ),
  server(Buffer.concat([message('2'), message('E', 'SERROR\0C23505\0Mdup\0\0'), READY])),
]
const ENCRYPTED = [client(Buffer.concat([i32(8), i32(80_877_103)])), server('N'), ...SIMPLE]
const PIPELINED = [
  ...STARTUP,
  client(Buffer.concat([query('BEGIN').bytes, query('UPDATE a SET b = 1').bytes])),
  server(Buffer.concat([message('C', 'BEGIN\0'), READY, message('C', 'UPDATE 1\0'), READY])),
]

parserSuite('postgresql', {
  port: PORT,
  conversations: [SIMPLE, EXTENDED, ENCRYPTED, PIPELINED],
})

function told(said: readonly Said[], options: TalkOptions = {}) {
  const rows = new Talk({ port: PORT, ...options }).say(...said).end()
  return rows.map(({ method, target, query: text, error }) => [method, target, text, error])
}

test('a simple query: operation, table, text without values, database', () => {
  const [row] = new Talk({ port: PORT }).say(...SIMPLE).end()
  assert.deepEqual(
    [row?.protocol, row?.method, row?.target, row?.query, row?.namespace],
    ['postgresql', 'SELECT', 'orders', 'SELECT * FROM orders WHERE id = ? AND name = ?', 'shop'],
  )
})

test('prepared statements are known by their names, errors by their SQLSTATE', () => {
  const text = 'INSERT INTO shop.items (a, b) VALUES (?)'
  assert.deepEqual(told(EXTENDED), [
    ['INSERT', 'shop.items', text, undefined],
    ['INSERT', 'shop.items', text, '23505'],
  ])
})

test('what is prepared and not executed says so', () => {
  const parse = message('P', 's2\0SELECT a FROM t\0\0\0')
  const said = [
    ...STARTUP,
    client(Buffer.concat([parse, message('D', 'Ss2\0'), message('S')])),
    server(Buffer.concat([message('1'), message('t', '\0\0'), message('n'), READY])),
  ]
  assert.deepEqual(told(said), [['PREPARE', 't', 'SELECT a FROM t', undefined]])
})

test('pipelined queries are answered in order', () => {
  assert.deepEqual(
    told(PIPELINED).map(([method, target]) => [method, target]),
    [
      ['BEGIN', undefined],
      ['UPDATE', 'a'],
    ],
  )
})

test('encryption that is refused is asked for once, one that is granted ends what is read', () => {
  assert.equal(told(ENCRYPTED).length, 1)
  assert.equal(told([ENCRYPTED[0] as Said, server('S'), client('\x16\x03\x01')]).length, 0)
})

test('`drop` leaves the text out', () => {
  assert.deepEqual(told(SIMPLE, { query: 'drop' }), [['SELECT', 'orders', undefined, undefined]])
})

test('copied data and rows of which nothing is known still end where they end', () => {
  const data = Buffer.alloc(100_000, 1)
  const said = [
    ...STARTUP,
    query('COPY t FROM STDIN'),
    server(message('G', '\0\0\0')),
    client(message('d', data)),
    client(message('c')),
    server(Buffer.concat([message('C', 'COPY 1\0'), READY])),
    query('SELECT big FROM t'),
    server(Buffer.concat([message('T', '\0\0'), message('D', data)])),
    server(Buffer.concat([message('C', 'SELECT 1\0'), READY])),
    ...SIMPLE.slice(2),
  ]
  const captured = (length: number) => (length > 1024 ? 64 : length)
  const rows = new Talk({ port: PORT, captured }).say(...said).end()
  assert.deepEqual(
    rows.map(({ method, desynchronised }) => [method, desynchronised]),
    [
      ['COPY', undefined],
      ['SELECT', undefined],
      ['SELECT', undefined],
    ],
  )
})

test('after missing bytes the next whole request is paired again, and marked', () => {
  const talk = new Talk({ port: PORT }).say(...SIMPLE)
  talk.skip('server', 300).skip('client', 300)
  talk.say(query('SELECT 1 FROM lost'), ROWS, query('SELECT 2 FROM found'), ROWS)
  assert.deepEqual(
    talk.end().map(({ target, desynchronised }) => [target, desynchronised]),
    [
      ['orders', undefined],
      ['lost', true],
      ['found', undefined],
    ],
  )
})

function toldLater(said: readonly Said[], options: TalkOptions = {}) {
  const rows = new Talk({ port: PORT, before: 5000, ...options }).say(...said).end()
  return rows.map(({ method, target, error, desynchronised, truncated }) => {
    const marks = [desynchronised && 'desynchronised', truncated && 'truncated']
    return [method, target, error, marks.filter(Boolean).join()]
  })
}

test('an older connection is read from its next whole request on; what it prepared has no text', () => {
  const [, , asked, inserted, bound, failed] = EXTENDED as readonly Said[]
  const select = query('SELECT * FROM orders')
  for (const role of ['client', 'server'] as const) {
    assert.deepEqual(
      toldLater([select, ROWS, bound, failed, asked, inserted, bound, failed] as Said[], { role }),
      [
        ['SELECT', 'orders', undefined, 'desynchronised'],
        ['EXECUTE', undefined, '23505', 'truncated'],
        ['INSERT', 'shop.items', undefined, ''],
        ['INSERT', 'shop.items', '23505', ''],
      ],
    )
  }
})

test('an older connection is known by the end of an answer, and by a long request’s length', () => {
  const rows = Buffer.concat([message('D', 'x'.repeat(300)), message('D', 'y'.repeat(300)), READY])
  const half = server(Buffer.concat([Buffer.from('the end of a row'), READY]))
  const long = query(`SELECT '${'x'.repeat(2000)}' FROM long`)
  const captured = (length: number) => Math.min(length, 400)
  assert.deepEqual(toldLater([server(rows), long, ROWS, long, ROWS], { captured }), [
    ['SELECT', undefined, undefined, 'desynchronised,truncated'],
    ['SELECT', undefined, undefined, 'truncated'],
  ])
  assert.deepEqual(toldLater([half, query('SELECT 1 FROM t'), ROWS, query('BEGIN'), ROWS]), [
    ['SELECT', 't', undefined, 'desynchronised'],
    ['BEGIN', undefined, undefined, ''],
  ])
})
