/** The fine points of HTTP/1: what is part of an exchange, and what follows it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, type Row, type Said, server, Talk } from '../talk.ts'
import { changeCipherSpec, clientHello, encrypted, handshake, serverHello } from '../tls/wire.ts'

const GET = client('GET /next HTTP/1.1\r\nHost: shop\r\n\r\n')
const OK = server('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
const TUNNEL = [
  client('CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n'),
  server('HTTP/1.1 200 Connection established\r\n\r\n'),
]

function rowsOf(...said: readonly Said[]): Row[] {
  return new Talk().say(...said).end()
}

function short(rows: readonly Row[]): unknown[] {
  const marks = ({ desynchronised, ambiguous }: Row) =>
    `${desynchronised ? 'desynchronised' : ''}${ambiguous ? 'ambiguous' : ''}`
  return rows.map((row) => [row.method, row.target, row.status, marks(row)])
}

test('early hints, and any other interim response, go before the answer', () => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
  const rows = rowsOf(
    GET,
    server(hints),
    server(`HTTP/1.1 102 Processing\r\n\r\n${hints}`),
    OK,
    GET,
    OK,
  )
  assert.deepEqual(short(rows), [
    ['GET', '/next', 200, ''],
    ['GET', '/next', 200, ''],
  ])
  assert.equal(rows[0]?.response_bytes, OK.bytes.length)
})

test('a body that the server has refused before it came is not waited for', () => {
  const post = client('POST /big HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 900\r\n\r\n')
  const refused = server('HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n')
  assert.deepEqual(short(rowsOf(post, refused, GET, OK)), [
    ['POST', '/big', 417, ''],
    ['GET', '/next', 200, ''],
  ])
  const sent = rowsOf(post, refused, client('x'.repeat(900)), GET, OK)
  assert.deepEqual(short(sent), [
    ['POST', '/big', 417, ''],
    ['GET', '/next', 200, ''],
  ])
  assert.equal(sent[0]?.request_bytes, post.bytes.length + 900)
})

test('a request that was refused before it was sent whole is no loss', () => {
  const post = client(`POST /big HTTP/1.1\r\nContent-Length: 900\r\n\r\n${'x'.repeat(300)}`)
  const refused = server('HTTP/1.1 413 Too large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  const [row, ...more] = rowsOf(post, refused)
  assert.deepEqual(short([row as Row]), [['POST', '/big', 413, '']])
  assert.equal(row?.request_bytes, post.bytes.length)
  assert.deepEqual(more, [])
  assert.deepEqual(short(rowsOf(post)), [['POST', '/big', undefined, 'desynchronised']])
})

for (const [what, fields] of [
  ['a length and a coding', 'Content-Length: 6\r\nTransfer-Encoding: chunked'],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
] as const) {
  test(`a request with ${what} is marked, as its ends may disagree on its end`, () => {
    const [row] = rowsOf(client(`POST / HTTP/1.1\r\n${fields}\r\n\r\n0\r\n\r\n`), OK)
    assert.equal(row?.ambiguous, true)
    assert.equal(rowsOf(GET, OK)[0]?.ambiguous, undefined)
  })
}

test('a coding that HTTP/1.0 does not know is marked', () => {
  const response = server('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  assert.equal(rowsOf(GET, response)[0]?.ambiguous, true)
})

test('forms of targets: absolute, authority and asterisk', () => {
  const rows = rowsOf(
    client('GET http://user:secret@shop.example/a?b=c HTTP/1.1\r\nHost: other\r\n\r\n'),
    OK,
    client('OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n'),
    OK,
  )
  assert.deepEqual(
    rows.map(({ target, host }) => [target, host]),
    [
      ['/a?b=REDACTED', 'shop.example'],
      ['*', 'shop.example'],
    ],
  )
})

test('chunk extensions, trailers and folded fields end where they end', () => {
  const chunked = server(
    'HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nTransfer-Encoding: gzip,\r\n\tchunked\r\n\r\n' +
      '5;name="v;w"\r\nhello\r\n0;last\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n',
  )
  const rows = rowsOf(GET, chunked, GET, OK)
  assert.equal(rows[0]?.response_bytes, chunked.bytes.length)
  assert.deepEqual(short(rows), [
    ['GET', '/next', 200, ''],
    ['GET', '/next', 200, ''],
  ])
})

test('of what is sent behind a last request nothing is answered', () => {
  const last = client('GET /last HTTP/1.1\r\nConnection: close\r\n\r\n')
  assert.deepEqual(short(rowsOf(last, OK, GET)), [
    ['GET', '/last', 200, ''],
    ['GET', '/next', undefined, 'desynchronised'],
  ])
})

test('what a WebSocket carries is nobody’s', () => {
  const rows = rowsOf(
    client('GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    server('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'),
    GET,
    OK,
  )
  assert.deepEqual(short(rows), [['GET', '/ws', 101, '']])
})

test('in a tunnel the hellos of TLS are read', () => {
  const hello = clientHello({ serverName: 'shop.example' })
  const talk = new Talk().say(
    ...TUNNEL,
    client(handshake(hello)),
    server(handshake(serverHello())),
    client(Buffer.concat([changeCipherSpec, encrypted(53)])),
    server(encrypted(500)),
  )
  assert.deepEqual(short(talk.end()), [['CONNECT', 'shop.example:443', 200, '']])
  const { serverName, version, handshakeUs } = talk.tls ?? {}
  assert.deepEqual([serverName, version, handshakeUs], ['shop.example', '1.3', 2000])
})

test('in a tunnel requests of HTTP/1 are read, with their places in the stream', () => {
  const rows = rowsOf(...TUNNEL, GET, OK, GET, OK)
  assert.deepEqual(short(rows).slice(1), [
    ['GET', '/next', 200, ''],
    ['GET', '/next', 200, ''],
  ])
  assert.equal(rows[1]?.request_offset, TUNNEL[0]?.bytes.length)
})

test('a tunnel in which the server speaks first, or nobody HTTP, is nobody’s', () => {
  for (const said of [server('SSH-2.0-OpenSSH\r\n'), client(Buffer.of(1, 2, 3))]) {
    const rows = rowsOf(...TUNNEL, said, GET, OK)
    assert.deepEqual(short(rows), [['CONNECT', 'shop.example:443', 200, '']])
  }
})

test('of two pipelined requests the one that has only an interim response is not answered', () => {
  const rows = rowsOf(GET, GET, OK, server('HTTP/1.1 100 Continue\r\n\r\n'))
  assert.deepEqual(short(rows), [
    ['GET', '/next', 200, ''],
    ['GET', '/next', undefined, 'desynchronised'],
  ])
})
