/** Connection rows say what a handshake showed, however short the connection was. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  changeCipherSpec,
  clientHello,
  encrypted,
  handshake,
  serverHello,
} from '../../pipeline/requests/tls/wire.ts'
import { LONG_AFTER_NS, type Row, Script, type ScriptedConnection } from './script.ts'

function shakeHands(connection: ScriptedConnection): void {
  const hello = clientHello({ serverName: 'shop.example', protocols: ['h2'] })
  connection.request({ bytes: handshake(hello), timeNs: 2_000_000 })
  connection.response({ bytes: handshake(serverHello()), timeNs: 3_000_000 })
  const finished = Buffer.concat([changeCipherSpec, encrypted(53)])
  connection.request({ bytes: finished, timeNs: 3_250_000 })
}

function tlsOf(row: Row | undefined): unknown[] {
  return [row?.tls_server_name, row?.tls_version, row?.tls_alpn, row?.tls_handshake_us]
}

const SHOWN = ['shop.example', '1.3', 'h2', 1250]

for (const role of ['client', 'server'] as const) {
  test(`the closed row of a ${role}'s connection has what its handshake showed`, () => {
    const script = new Script()
    const connection = script.connection({ role })
    shakeHands(connection)
    connection.close()
    const [, closed] = script.rows()
    assert.deepEqual([closed?.kind, closed?.state], ['connection', 'closed'])
    assert.deepEqual(tlsOf(closed), SHOWN)
    assert.equal(closed?.tls_cipher, 'TLS_AES_128_GCM_SHA256')
  })
}

test('a row of a connection that goes on has the same, and what is spoken by its ALPN', () => {
  const script = new Script()
  const connection = script.connection()
  const hello = clientHello({ serverName: 'shop.example', protocols: ['http/1.1', 'h2'] })
  connection.request({ bytes: handshake(hello), timeNs: 2_000_000 })
  const chosen = serverHello({ version: 0x0303, protocol: 'h2' })
  connection.response({ bytes: handshake(chosen), timeNs: 3_000_000 })
  connection.interim()
  connection.interim()
  for (const row of script.rows().slice(1)) {
    assert.equal(row.state, 'interim')
    assert.deepEqual(tlsOf(row).slice(0, 3), ['shop.example', '1.2', 'h2'])
    assert.deepEqual([row.protocol, row.protocol_version], ['http', '2'])
  }
})

test('a connection that has closed before its payload is read has the same row', () => {
  const script = new Script()
  const connection = script.connection()
  script.followed.payloadBehind = 1000
  connection.close({ payloadPosition: 0, endNs: 1 })
  assert.equal(script.followed.held, 1)
  shakeHands(connection)
  script.followed.settle(1000, LONG_AFTER_NS)
  assert.equal(script.followed.held, 0)
  const [, closed] = script.rows()
  assert.deepEqual(tlsOf(closed), SHOWN)
})

test('a connection that is still waited for when all ends has its row', () => {
  const script = new Script()
  const connection = script.connection()
  script.followed.payloadBehind = 1000
  connection.close({ payloadPosition: 0 })
  script.followed.stop(LONG_AFTER_NS)
  assert.deepEqual(
    script.rows().map(({ state }) => state),
    ['open', 'closed'],
  )
})
