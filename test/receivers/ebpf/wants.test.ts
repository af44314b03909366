/** What the receiver tells the kernel to want next, and what comes of pieces that heed it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WANT_LIMIT, Want } from '../../../pipeline/kernel_events/events.gen.ts'
import { slotOf } from '../../../receivers/ebpf/slots.ts'
import { Wants } from '../../../receivers/ebpf/wants.ts'
import {
  alert,
  changeCipherSpec,
  clientHello,
  encrypted,
  handshake,
  serverHello,
} from '../../pipeline/requests/tls/wire.ts'
import { Script, type ScriptedConnection } from './script.ts'

const NOTHING = { from: 2n ** 64n - 1n, bytes: 0 }
const ALL = { from: 0n, bytes: 0 }
const SSL_REQUEST = '\0\0\0\x08\x04\xd2\x16\x2f'
const PING = '*1\r\n$4\r\nPING\r\n'

const latin = (text: string) => Buffer.from(text, 'latin1')

/** Plays a handshake; nothing is wanted only behind its end. */
function handshakeIn(connection: ScriptedConnection): void {
  const end = { requests: NOTHING, responses: NOTHING }
  connection.request({ bytes: handshake(clientHello()) })
  connection.response({ bytes: handshake(serverHello()) })
  assert.notDeepEqual(connection.wants(), end)
  connection.request({ bytes: Buffer.concat([changeCipherSpec, encrypted(53)]) })
  assert.deepEqual(connection.wants(), end)
}

test('nothing more is wanted of TLS once the handshake is over', () => {
  handshakeIn(new Script().connection())
})

test('nothing more is wanted of PostgreSQL once a handshake of TLS is over', () => {
  const connection = new Script().connection()
  connection.request({ bytes: latin(SSL_REQUEST) }).response({ bytes: 'S' })
  handshakeIn(connection)
})

test('nothing more is wanted of TLS that the server refuses', () => {
  const connection = new Script().connection()
  connection.request({ bytes: handshake(clientHello()) }).response({ bytes: alert })
  assert.deepEqual(connection.wants(), { requests: NOTHING, responses: NOTHING })
})

test('PostgreSQL goes on being wanted without TLS, statements with more bytes', () => {
  const connection = new Script().connection()
  connection.request({ bytes: latin(SSL_REQUEST) }).response({ bytes: 'N' })
  assert.deepEqual(connection.wants(), { requests: { from: 0n, bytes: 4101 }, responses: ALL })
})

test('nothing more is wanted of Redis after MONITOR, once that is answered', () => {
  const connection = new Script().connection({ role: 'server' })
  connection.request({ bytes: '*1\r\n$7\r\nMONITOR\r\n' })
  assert.deepEqual(connection.wants(), { requests: ALL, responses: ALL })
  connection.response({ bytes: '+OK\r\n' })
  assert.deepEqual(connection.wants(), { requests: NOTHING, responses: NOTHING })
})

test('nothing more is wanted of HTTP/1 after the switch to another protocol', () => {
  const connection = new Script().connection()
  connection.request({ bytes: 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n' })
  assert.deepEqual(connection.wants(), { requests: ALL, responses: ALL })
  connection.response({ bytes: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n' })
  assert.deepEqual(connection.wants(), { requests: NOTHING, responses: NOTHING })
})

test('a tunnel through HTTP/1 is wanted until the handshake in it is over', () => {
  const connection = new Script().connection()
  connection.request({ bytes: 'CONNECT shop.example:443 HTTP/1.1\r\n\r\n' })
  connection.response({ bytes: 'HTTP/1.1 200 Connection established\r\n\r\n' })
  assert.deepEqual(connection.wants(), { requests: ALL, responses: ALL })
  handshakeIn(connection)
})

test('nothing more is wanted of a tunnel in which the server speaks first', () => {
  const connection = new Script().connection()
  connection.request({ bytes: 'CONNECT shop.example:22 HTTP/1.1\r\n\r\n' })
  connection.response({ bytes: 'HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH\r\n' })
  assert.deepEqual(connection.wants(), { requests: NOTHING, responses: NOTHING })
})

test('more bytes of Redis’s replies are wanted once one was too long to follow', () => {
  const connection = new Script().connection()
  const reply = `*300\r\n${'$3\r\nabc\r\n'.repeat(300)}`
  connection.request({ bytes: '*2\r\n$4\r\nMGET\r\n$1\r\nk\r\n' })
  assert.equal(connection.wants().responses.bytes, 0)
  connection.response({ bytes: reply, captured: 1024 })
  assert.deepEqual(connection.wants(), { requests: ALL, responses: { from: 0n, bytes: 8192 } })
  connection.request({ bytes: PING }).response({ bytes: '+PONG\r\n' })
  assert.equal(connection.wants().responses.bytes, 8192)
})

test('nothing more is wanted of what 8 pieces do not tell', () => {
  const connection = new Script().connection()
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(connection.wants(), { requests: ALL, responses: ALL })
    connection.request({ bytes: 'HELO there\r\n' }).response({ bytes: '250 hello\r\n' })
  }
  assert.deepEqual(connection.wants(), { requests: NOTHING, responses: NOTHING })
})

test('HTTP/1 is wanted that is first seen in the midst of a body', () => {
  const connection = new Script().connection()
  for (let i = 1; i < 20; i++)
    connection.request({ bytes: 'the body of a request', offset: 21 * i })
  assert.deepEqual(connection.wants(), { requests: ALL, responses: ALL })
})

test('what is behind a long value of Redis is wanted, and found where it begins', () => {
  const script = new Script()
  const connection = script.connection()
  const value = 'v'.repeat(100_000)
  connection.request({ bytes: '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n' })
  const head = '$100000\r\n'
  connection.response({ bytes: head + value.slice(0, 1000) })
  const behind = head.length + value.length + 2
  assert.deepEqual(connection.wants().responses, { from: BigInt(behind), bytes: 0 })
  // A piece of the value alone, then one whose end is the next reply.
  connection.response({ bytes: value.slice(1000, 50_000), captured: 0, skipped: 49_000 })
  connection.request({ bytes: PING })
  const rest = `${value.slice(50_000)}\r\n`
  connection.response({ bytes: `${rest}-ERR no\r\n`, skipped: rest.length })
  assert.deepEqual(
    script
      .exchanges()
      .map((row) => [row.method, row.response_bytes, row.error, row.desynchronised]),
    [
      ['GET', behind, '', 0],
      ['PING', 9, 'ERR', 0],
    ],
  )
  assert.deepEqual(connection.wants().responses, ALL)
})

test('a value that is soon over is not worth a word', () => {
  const connection = new Script().connection()
  connection.request({ bytes: '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n' })
  connection.response({ bytes: `$16000\r\n${'v'.repeat(1000)}` })
  assert.deepEqual(connection.wants().responses, ALL)
})

test('two connections of one slot take it from each other, and nothing else', () => {
  const buffer = new ArrayBuffer(WANT_LIMIT.WANTS_MAX * Want.size)
  const wants = new Wants(buffer)
  const view = new DataView(buffer)
  // CPU 1 and a count beyond 32 bits, as connId() makes of conn_id 0x0001_0005_0000_0007.
  const one = 2 ** 40 + 5 * 2 ** 32 + 7
  const other = one + WANT_LIMIT.WANTS_MAX
  assert.equal(slotOf(one), 7 + 2053)
  assert.equal(slotOf(one), slotOf(other))
  const at = slotOf(one) * Want.size
  const from = (position: number) => ({ wantedFrom: () => position, wantedBytes: () => 9 })
  wants.tell(one, from(2 ** 33 + 3))
  assert.equal(view.getBigUint64(at, true), 0x0001_0005_0000_0007n)
  assert.equal(view.getBigUint64(at + Want.from, true), 2n ** 33n + 3n)
  assert.equal(view.getBigUint64(at + Want.from + 8, true), 2n ** 33n + 3n)
  assert.deepEqual(
    [24, 28].map((bytes) => view.getUint32(at + bytes, true)),
    [9, 9],
  )
  // Nothing to say: what the other has said stays.
  wants.tell(other, { wantedFrom: () => 0, wantedBytes: () => 0 })
  assert.equal(view.getBigUint64(at, true), 0x0001_0005_0000_0007n)
  wants.tell(other, from(Number.POSITIVE_INFINITY))
  assert.equal(view.getBigUint64(at, true), 0x0001_0005_0000_4007n)
  assert.equal(view.getBigUint64(at + Want.from, true), 2n ** 64n - 1n)
  assert.ok(new Uint8Array(buffer).every((byte, i) => byte === 0 || (i >= at && i < at + 32)))
})

const LONG = 1_000_000
const OK = `HTTP/1.1 200 OK\r\nContent-Length: ${LONG}\r\n\r\n`
const BODY_END = OK.length + LONG

/** A response whose body has begun; its pieces up to the end are not wanted. */
function download(connection: ScriptedConnection): void {
  connection.request({ bytes: 'GET / HTTP/1.1\r\n\r\n' })
  connection.response({ bytes: OK + 'x'.repeat(1000) })
  assert.deepEqual(connection.wants().responses, { from: BigInt(BODY_END), bytes: 0 })
}

test('of a long body of HTTP/1 the end is wanted, and what is missed before it is not missed', () => {
  const script = new Script()
  const connection = script.connection()
  download(connection)
  const last = { bytes: 'x'.repeat(500), captured: 0, offset: BODY_END - 500 }
  connection.response(last).request({ bytes: 'GET /next HTTP/1.1\r\n\r\n' })
  assert.deepEqual(connection.wants().responses, ALL)
  connection.response({ bytes: 'HTTP/1.1 204 No Content\r\n\r\n', offset: BODY_END })
  assert.deepEqual(
    script.exchanges().map((row) => [row.response_bytes, row.status, row.desynchronised]),
    [
      [BODY_END, 200, 0],
      [27, 204, 0],
    ],
  )
})

test('bytes behind a long body of HTTP/1 are missed if they are', () => {
  const script = new Script()
  const connection = script.connection()
  download(connection)
  connection.response({ bytes: 'x'.repeat(500), captured: 0, offset: BODY_END + 1 })
  assert.equal(script.exchanges()[0]?.desynchronised, 1)
})

test('a body of HTTP/1 that was not sent whole has the size that TCP knows of', () => {
  const script = new Script()
  const connection = script.connection()
  download(connection)
  connection.close({ bytesReceived: OK.length + 400_000 })
  script.tick()
  const [row] = script.exchanges()
  assert.deepEqual([row?.response_bytes, row?.desynchronised], [OK.length + 400_000, 1])
})

test('behind bytes that only TCP knows of, other connections are read from their own bytes', () => {
  const script = new Script()
  const [first, second] = [script.connection(), script.connection()]
  download(first)
  first.close({ bytesReceived: OK.length + 400_000 })
  second.request({ bytes: 'GET /next HTTP/1.1\r\nHost: shop\r\n\r\n' })
  second.response({ bytes: 'HTTP/1.1 204 No Content\r\n\r\n' })
  const last = script.exchanges().at(-1)
  assert.deepEqual([last?.target, last?.status], ['/next', 204])
})

test('a body of HTTP/1 that may never be sent hides no request', () => {
  const connection = new Script().connection({ role: 'server' })
  const head = `PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: ${LONG}\r\n\r\n`
  connection.request({ bytes: head })
  assert.deepEqual(connection.wants(), { requests: ALL, responses: ALL })
  connection.response({ bytes: 'HTTP/1.1 100 Continue\r\n\r\n' }).request({ bytes: 'body' })
  assert.equal(connection.wants().requests.from, BigInt(head.length + LONG))
})
