/** What comes late, again, in bits or not at all, and more than there is room for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GET, OK, pick, play } from './played.ts'
import { LONG_AFTER_NS, Script } from './script.ts'

test('a closed connection is known until the payload ring has been read as far', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET })
  script.followed.payloadBehind = 1000
  connection.close({ payloadPosition: 999 })
  connection.response({ bytes: OK })
  script.followed.settle(1000, LONG_AFTER_NS)
  const [row, ...more] = script.exchanges()
  assert.deepEqual([row?.status, more.length], [200, 0])
  assert.equal(script.followed.memory().connections, 0)
})

test('what had arrived before a connection was closed may be read a little later', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET })
  const endNs = 2e9
  connection.close({ bytesReceived: OK.length, endNs, nowNs: endNs })
  connection.response({ bytes: OK, timeNs: endNs + 1000 })
  assert.deepEqual(
    script.exchanges().map(({ status }) => status),
    [200],
  )
  script.followed.settle(0, LONG_AFTER_NS)
  assert.equal(script.followed.memory().connections, 0)
})

test('a head may come byte by byte', () => {
  const rows = play(...[...GET].map((byte) => `>${byte}`), ...[...OK].map((byte) => `<${byte}`))
  assert.equal(rows.length, 1)
  assert.equal(rows[0]?.response_bytes, OK.length)
})

test('bytes that come again are passed by', () => {
  const script = new Script()
  const connection = script.connection({ role: 'server' })
  connection.request({ bytes: GET.slice(0, 9) })
  connection.request({ bytes: GET, offset: 0 })
  connection.request({ bytes: GET, offset: 0, again: true, tid: 101 })
  connection.response({ bytes: OK })
  connection.request({ bytes: GET }).response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => row.request_offset),
    [0, GET.length],
  )
})

test('a gap within a body keeps the framing and is marked', () => {
  const script = new Script()
  const connection = script.connection()
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n'
  connection.request({ bytes: GET }).response({ bytes: head })
  connection.response({ bytes: 'x'.repeat(10), offset: head.length + 20 })
  connection.request({ bytes: GET }).response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.response_bytes, row.desynchronised]),
    [
      [head.length + 30, 1],
      [OK.length, 0],
    ],
  )
})

test('after responses that were missed, a response answers the newest request', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET }) // its response is lost
  connection.request({ bytes: GET.replace('/a', '/b') })
  connection.response({ bytes: OK, offset: OK.length })
  assert.deepEqual(
    script.exchanges().map((row) => [row.target, row.status, row.desynchronised]),
    [
      ['/a', 0, 1],
      ['/b', 200, 1],
    ],
  )
})

test('a response whose request was missed makes no row and is counted', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: 'x', offset: GET.length }) // the gap is the request
  connection.response({ bytes: OK })
  connection.request({ bytes: GET, offset: 2 * GET.length }).response({ bytes: OK })
  assert.equal(script.exchanges().length, 1)
  assert.equal(script.ledger.notes.get('responses_without_request'), 1)
})

test('protocols that are not read make no exchange', () => {
  for (const [request, response] of [
    ['\x16\x03\x01\x00\x05hello', '\x16\x03\x03\x00\x05hello'],
    ['EHLO there\r\n', '250 hello\r\n'],
  ]) {
    assert.deepEqual(play(`>${request}`, `<${response}`, `>${request}`, `<${response}`), [])
  }
})

test('a message without an end is over after a silence', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET })
  const head = `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(5000)}`
  connection.response({ bytes: head, captured: 4096 })
  script.followed.sweep(LONG_AFTER_NS)
  const [row] = script.exchanges()
  assert.deepEqual(pick(row, 'state', 'status', 'truncated', 'response_bytes'), {
    state: 'closed',
    status: 200,
    truncated: 1,
    response_bytes: head.length,
  })
})

test('rows that span a loss in the kernel are marked', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET })
  script.lossEpoch++
  connection.response({ bytes: OK })
  connection.request({ bytes: GET }).response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => row.lossy),
    [1, 0],
  )
})

test('more pipelined requests than allowed push out the oldest', () => {
  const script = new Script({ requests: { pipelined_max: 2 } })
  const connection = script.connection()
  connection.request({ bytes: GET + GET + GET })
  assert.deepEqual(
    script.exchanges().map((row) => [row.status, row.desynchronised]),
    [[0, 1]],
  )
})

test('more open exchanges than allowed push out the oldest, and it is counted', () => {
  const script = new Script({ requests: { exchanges_max: 2 } })
  for (let i = 0; i < 4; i++) script.connection().request({ bytes: GET })
  assert.equal(script.exchanges().length, 2)
  assert.equal(script.ledger.notes.get('exchanges_abandoned'), 2)
})

test('a connection beyond the bound pushes out the quietest, whose pieces are then lost', () => {
  const script = new Script({ connections_max: 2 })
  const quiet = script.connection()
  script.connection()
  script.connection()
  quiet.request({ bytes: GET })
  assert.equal(script.ledger.notes.get('connections_evicted'), 1)
  assert.equal(script.ledger.entry().lost.connection_unknown, 1)
})

test('the books balance: rows out are records in and exchanges, pieces are used', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET }).response({ bytes: OK })
  connection.close()
  const rows = script.rows()
  assert.deepEqual(
    rows.map((row) => [row.kind, row.state]),
    [
      ['connection', 'open'],
      ['exchange', 'closed'],
      ['connection', 'closed'],
    ],
  )
  assert.equal(script.ledger.entry().used.payload, 2)
  // The receiver counts the four records itself, as it drains them.
  assert.equal(script.ledger.in, 1)
})
