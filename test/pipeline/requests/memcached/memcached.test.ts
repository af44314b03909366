import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, parserSuite, type Said, server, Talk, type TalkOptions } from '../talk.ts'

const PORT = 11_211

function talk(said: readonly Said[], options: TalkOptions = {}) {
  return new Talk({ port: PORT, ...options }).say(...said)
}

function told(said: readonly Said[], options: TalkOptions = {}) {
  const rows = talk(said, options).end()
  return rows.map(({ method, target, query, error }) => [method, target, query, error])
}

const GET = [client('get user:12:cart\r\n'), server('VALUE user:12:cart 0 5\r\nhello\r\nEND\r\n')]
const BASIC = [
  client('set user:12:cart 0 60 5\r\nhello\r\n'),
  server('STORED\r\n'),
  ...GET,
  client('gets user:1:a user:2:b\r\n'),
  server('VALUE user:1:a 0 2 7\r\n\r\n\r\nVALUE user:2:b 0 3 8\r\nEND\r\nEND\r\n'),
  client('incr hits 1\r\n'),
  server('42\r\n'),
  client('delete user:9\r\n'),
  server('NOT_FOUND\r\n'),
  client('set big 0 0 3\r\nabc\r\n'),
  server('SERVER_ERROR out of memory storing object\r\n'),
  client('stats\r\n'),
  server('STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n'),
  client('version\r\n'),
  server('VERSION 1.6.18\r\n'),
]
const PIPELINE = [
  client('set a 0 0 1\r\nx\r\nget a\r\ndelete a\r\n'),
  server('STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nDELETED\r\n'),
]
const NOREPLY = [client('set a 0 0 1 noreply\r\nx\r\n'), client('get a\r\n'), server('END\r\n')]
const META = [
  client('mg user:1 v t\r\n'),
  server('VA 5 t-1\r\nhello\r\n'),
  client('ms user:1 3 T60\r\nabc\r\n'),
  server('HD\r\n'),
  client('mg user:2 v\r\n'),
  server('EN\r\n'),
]
const BATCH = [
  client('mg user:1 v q k\r\nmg user:2 v q k\r\nmn\r\n'),
  server('VA 2 kuser:2\r\nhi\r\nMN\r\n'),
  client('ms a 1 q O1\r\nx\r\nms b 1 O2\r\ny\r\n'),
  server('NS O1\r\nHD O2\r\n'),
  client('mg user:3 v\r\n'),
  server('EN\r\n'),
]

test('of long values nothing is wanted, and nothing need be known', () => {
  const talk = new Talk({ port: 11_211 }).say(client('get big\r\n'))
  talk.say(server(`VALUE big 0 100000\r\n${'x'.repeat(500)}`))
  const head = 'VALUE big 0 100000\r\n'.length
  assert.equal(talk.wantedFrom('server'), head + 100_000 + 2)
  const rows = talk
    .skip('server', 100_002 - 500)
    .say(server('END\r\n'))
    .end()
  assert.deepEqual([rows.length, rows[0]?.desynchronised], [1, undefined])
  assert.equal(rows[0]?.response_bytes, head + 100_002 + 5)
})

parserSuite('memcached', { port: PORT, conversations: [BASIC, PIPELINE, NOREPLY, META, BATCH] })

test('a command and its reply: name, key pattern, text without values, sizes', () => {
  const [row] = talk(GET).end()
  assert.deepEqual(
    [row?.protocol, row?.method, row?.target, row?.query],
    ['memcached', 'get', 'user:*:cart', 'get user:*:cart'],
  )
  assert.deepEqual(
    [row?.request_bytes, row?.response_bytes],
    GET.map(({ bytes }) => bytes.length),
  )
})

test('replies are known by their commands; a miss is no error', () => {
  assert.deepEqual(told(BASIC), [
    ['set', 'user:*:cart', 'set user:*:cart ?', undefined],
    ['get', 'user:*:cart', 'get user:*:cart', undefined],
    ['gets', 'user:*:a', 'gets user:*:a ?', undefined],
    ['incr', 'hits', 'incr hits ?', undefined],
    ['delete', 'user:*', 'delete user:*', undefined],
    ['set', 'big', 'set big ?', 'SERVER_ERROR'],
    ['stats', undefined, 'stats', undefined],
    ['version', undefined, 'version', undefined],
  ])
})

test('pipelined commands are answered in order', () => {
  assert.deepEqual(
    told(PIPELINE).map(([method]) => method),
    ['set', 'get', 'delete'],
  )
})

test('a command without a reply is an exchange without a response', () => {
  const rows = talk(NOREPLY).end()
  assert.deepEqual(
    rows.map((row) => [row.method, row.response_bytes, row.desynchronised]),
    [
      ['set', 0, undefined],
      ['get', 5, undefined],
    ],
  )
})

test('quiet meta commands belong to the one that is answered for sure', () => {
  const rows = talk([...META, ...BATCH]).end()
  assert.deepEqual(
    rows.map((row) => [row.method, row.response_bytes, row.desynchronised]),
    [
      ['mg', 17, undefined],
      ['ms', 4, undefined],
      ['mg', 4, undefined],
      ['mg', 22, undefined],
      ['ms', 14, undefined],
      ['mg', 4, undefined],
    ],
  )
})

test('a batch whose end nobody can tell is marked, and the next command is paired', () => {
  const said = [client('mg a v q\r\nmg b v\r\n'), server('EN\r\n'), ...GET]
  assert.deepEqual(
    talk(said)
      .end()
      .map((row) => [row.target, row.desynchronised]),
    [
      ['a', true],
      ['user:*:cart', true],
    ],
  )
})

test('a reply of another command is none', () => {
  const rows = talk([client('get a\r\n'), server('STORED\r\n')]).end()
  assert.deepEqual(
    rows.map((row) => row.desynchronised),
    [true],
  )
})

test('values of which little is known end where they end', () => {
  const value = 'x'.repeat(5000)
  const said = [
    client('get big\r\n'),
    server(`VALUE big 0 5000\r\n${value}`),
    server('\r\nEND\r\n'),
    client('get big bigger\r\n'),
    server(`VALUE big 0 5000\r\n${value}\r\nVALUE bigger 0 5000\r\n${value}`),
    server('\r\nEND\r\n'),
    client(`set big 0 0 5000\r\n${value}`),
    client('\r\n'),
    server('STORED\r\n'),
  ]
  const captured = (length: number) => (length > 1024 ? 64 : length)
  assert.deepEqual(
    talk(said, { captured })
      .end()
      .map((row) => [row.method, row.response_bytes, row.desynchronised]),
    [
      ['get', 5025, undefined],
      ['get', 10_048, undefined],
      ['set', 8, undefined],
    ],
  )
})

test('`keep` keeps keys, `drop` and coded keys leave them out', () => {
  assert.deepEqual(told(GET, { query: 'keep' })[0]?.[1], 'user:12:cart')
  assert.deepEqual(told(GET, { query: 'drop' })[0]?.[2], 'get ?')
  assert.deepEqual(told([client('mg Zm9v b v\r\n'), server('EN\r\n')])[0]?.slice(1, 3), [
    undefined,
    'mg ? ?',
  ])
})

test('a line that other protocols may have is memcached at its port alone', () => {
  const said = [client('version\r\n'), server('VERSION 1.6.18\r\n')]
  assert.equal(told(said).length, 1)
  assert.equal(told(said, { port: 2000 }).length, 0)
})

test('after missing bytes the next command is paired again, and marked', () => {
  const lossy = talk(GET).skip('client', 30).skip('server', 30)
  const rows = lossy.say(...GET, ...GET).end()
  assert.deepEqual(
    rows.map((row) => row.desynchronised),
    [undefined, true, undefined],
  )
})
