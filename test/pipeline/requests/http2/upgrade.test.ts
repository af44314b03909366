/** HTTP/1.1 that becomes HTTP/2 (RFC 7540 §3.2): what was asked is answered as the first stream. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, parserSuite, type Row, type Said, server, Talk } from '../talk.ts'
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  headers,
  PREFACE,
  RST_STREAM,
  request,
  SETTINGS,
} from './wire.ts'

const FIELDS =
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n'
const ASKED = client(`GET /first?token=1 HTTP/1.1\r\nHost: shop\r\n${FIELDS}`)
const POSTED = client(`POST /first HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n${FIELDS}hello`)
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
const SETTINGS_FRAME = frame(SETTINGS, 0, { body: '\0\x03\0\0\0\x64' })
const BEGUN = client(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0)]))

const answered = (stream: number, status: string, body: string): readonly Buffer[] => [
  headers(stream, { ':status': status }),
  frame(DATA, stream, { flags: END_STREAM, body }),
]
const all = (...parts: readonly (string | Buffer)[]) =>
  server(Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1'))))

const ONE = answered(1, '200', 'first')
const SECOND = client(headers(3, request('/second'), END_HEADERS | END_STREAM))

function short(rows: readonly Row[]): unknown[] {
  return rows.map((row) => [row.protocol_version, row.method, row.target, row.host, row.status])
}

const FIRST_ROW = ['2', 'GET', '/first?token=REDACTED', 'shop', 200]

const conversation: readonly Said[] = [
  ASKED,
  all(SWITCHED, SETTINGS_FRAME),
  BEGUN,
  all(...ONE),
  SECOND,
  all(...answered(3, '404', 'nothing')),
]

test('a request that asks for HTTP/2 is answered as its first stream', () => {
  for (const role of ['client', 'server'] as const) {
    const rows = new Talk({ role }).say(...conversation).end()
    assert.deepEqual(short(rows), [FIRST_ROW, ['2', 'GET', '/second', 'shop', 404]])
    const [first] = rows
    assert.equal(first?.request_bytes, ASKED.bytes.length)
    assert.equal(first?.response_bytes, Buffer.concat(ONE).length)
    assert.equal(first?.desynchronised ?? first?.truncated, undefined)
  }
})

test('the switch, the settings and the answer may be one piece, and a body goes before them', () => {
  const rows = new Talk().say(POSTED, all(SWITCHED, SETTINGS_FRAME, ...ONE), BEGUN, SECOND).rows()
  assert.deepEqual(short(rows), [['2', 'POST', '/first', 'shop', 200]])
  assert.equal(rows[0]?.request_bytes, POSTED.bytes.length)
})

test('the first stream may be reset, and answered behind the second', () => {
  const opened = [ASKED, all(SWITCHED, SETTINGS_FRAME), BEGUN, SECOND]
  const swapped = all(...answered(3, '204', ''), ...ONE)
  const both = new Talk().say(...opened, swapped).end()
  assert.deepEqual(short(both), [['2', 'GET', '/second', 'shop', 204], FIRST_ROW])
  const reset = all(frame(RST_STREAM, 1, { body: '\0\0\0\x08' }))
  assert.equal(new Talk().say(...opened, reset).rows()[0]?.error, 'CANCEL')
})

test('a server that goes on in HTTP/1 is taken at its word, and so is another protocol', () => {
  const refused = new Talk().say(ASKED, all('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')).end()
  assert.deepEqual(short(refused), [['1.1', 'GET', '/first?token=REDACTED', 'shop', 200]])
  const other = SWITCHED.replace('Upgrade: h2c', 'Upgrade: websocket')
  const socket = new Talk().say(ASKED, all(other), BEGUN, all(...ONE)).end()
  assert.deepEqual(short(socket), [['1.1', 'GET', '/first?token=REDACTED', 'shop', 101]])
})

parserSuite('http2 by upgrade', { conversations: [conversation], port: 80 })
