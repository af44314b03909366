import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LONG_AFTER_NS, type Row, Script } from './script.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function pick(row: Row | undefined, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, row?.[name]]))
}

/** Plays pieces on one client connection and closes it: `>` a request's, `<` a response's. */
function play(...pieces: string[]): Row[] {
  const script = new Script()
  const connection = script.connection()
  for (const piece of pieces) {
    if (piece.startsWith('>')) connection.request({ bytes: piece.slice(1) })
    else connection.response({ bytes: piece.slice(1) })
  }
  connection.close()
  return script.exchanges()
}

test('an exchange has the sizes, times and names of its messages', () => {
  const script = new Script()
  const connection = script.connection({ startNs: 1000, establishedNs: 251_000, flowId: 0xabc })
  connection.request({ bytes: GET, timeNs: 1_000_000 })
  connection.response({ bytes: OK.slice(0, -1), timeNs: 3_500_000, retransmits: 2 })
  connection.response({ bytes: 'k', timeNs: 4_000_000, retransmits: 3 })
  const [row, ...more] = script.exchanges()
  assert.equal(more.length, 0)
  assert.deepEqual(
    pick(row, 'state', 'role', 'method', 'target', 'host', 'status', 'protocol_version', 'comm'),
    {
      state: 'closed',
      role: 'client',
      method: 'GET',
      target: '/a',
      host: 'shop',
      status: 200,
      protocol_version: '1.1',
      comm: 'program',
    },
  )
  assert.deepEqual(
    pick(row, 'request_bytes', 'response_bytes', 'ttfb_us', 'duration_us', 'connect_us'),
    {
      request_bytes: GET.length,
      response_bytes: OK.length,
      ttfb_us: 2500,
      duration_us: 3000,
      connect_us: 250,
    },
  )
  assert.equal(row?.retransmits, 3)
  assert.equal(row?.flow_id, '0000000000000abc')
  assert.ok(Math.abs((row?.end as number) - (row?.start as number) - 3_000_000) < 1000)
})

test('a client’s local end is the source, a server’s the destination', () => {
  for (const role of ['client', 'server'] as const) {
    const script = new Script()
    script.connection({ role }).request({ bytes: GET }).response({ bytes: OK })
    const [row] = script.exchanges()
    assert.equal(row?.src_port, 40_000)
    assert.equal(row?.dst_port, 80)
    assert.match(row?.src_address as string, /0a000001$/)
    assert.match(row?.dst_address as string, /0a000002$/)
  }
})

test('requests on one connection have their offsets in the stream', () => {
  const rows = play(`>${GET}`, `<${OK}`, `>${GET}`, `<${OK}`)
  assert.deepEqual(
    rows.map((row) => row.request_offset),
    [0, GET.length],
  )
})

test('pipelined requests are answered in order', () => {
  const second = GET.replace('/a', '/b')
  const rows = play(`>${GET}${second}`, `<${OK}${OK.replace('200', '404')}`)
  assert.deepEqual(
    rows.map((row) => [row.target, row.status, row.request_bytes, row.response_bytes]),
    [
      ['/a', 200, GET.length, OK.length],
      ['/b', 404, second.length, OK.length],
    ],
  )
})

const LENGTH_2 = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
const BODIES: [name: string, request: string, response: string, next: string][] = [
  ['HEAD', 'HEAD / HTTP/1.1\r\n\r\n', LENGTH_2, ''],
  ['204', GET, 'HTTP/1.1 204 No Content\r\n\r\n', ''],
  ['304', GET, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n', ''],
  ['chunked', GET, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n', ''],
  [
    'chunked before a length',
    GET,
    `${LENGTH_2.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '',
  ],
  ['a length of 0', GET, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', ''],
  ['a request with a length', `POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc`, OK, ''],
  [
    'a chunked request',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    OK,
    '',
  ],
]

for (const [name, request, response] of BODIES) {
  test(`the next exchange begins where the body ends: ${name}`, () => {
    const rows = play(`>${request}`, `<${response}`, `>${GET}`, `<${OK}`)
    assert.deepEqual(
      rows.map((row) => [row.request_bytes, row.response_bytes, row.status, row.desynchronised]),
      [
        [request.length, response.length, Number(response.slice(9, 12)), 0],
        [GET.length, OK.length, 200, 0],
      ],
    )
  })
}

test('a response without a length ends with the connection', () => {
  const [row] = play(`>${GET}`, '<HTTP/1.0 200 OK\r\n\r\nabc', '<def')
  assert.deepEqual(pick(row, 'status', 'response_bytes', 'desynchronised'), {
    status: 200,
    response_bytes: 19 + 6,
    desynchronised: 0,
  })
})

test('interim responses are passed by, and the final one is the answer', () => {
  const post = 'POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'
  const [row] = play(`>${post}`, '<HTTP/1.1 100 Continue\r\n\r\n', '>hi', `<${OK}`)
  assert.deepEqual(pick(row, 'status', 'request_bytes', 'response_bytes'), {
    status: 200,
    request_bytes: post.length + 2,
    response_bytes: OK.length,
  })
})

test('a response before the end of its request is the exchange’s, which ends with the later', () => {
  const post = 'POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab'
  const rows = play(`>${post}`, `<${OK}`, '>cd', `>${GET}`, `<${OK}`)
  assert.deepEqual(
    rows.map((row) => [row.method, row.status, row.request_bytes, row.ttfb_us]),
    [
      ['POST', 200, post.length + 2, 0],
      ['GET', 200, GET.length, 1],
    ],
  )
})

test('after an upgrade nothing is taken for HTTP', () => {
  const request = 'GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'
  const response = 'HTTP/1.1 101 Switching\r\n\r\n'
  const rows = play(`>${request}`, `<${response}`, `>${GET}`, `<${OK}`)
  assert.equal(rows.length, 1)
  assert.equal(rows[0]?.response_bytes, response.length)
})

test('CONNECT is one exchange, whatever length its response has, and its tunnel another', () => {
  const response = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
  const rows = play('>CONNECT a:1 HTTP/1.1\r\n\r\n', `<${response}`, `>${GET}`, `<${OK}`)
  assert.deepEqual(
    rows.map((row) => [row.method, row.response_bytes]),
    [
      ['CONNECT', response.length],
      ['GET', OK.length],
    ],
  )
})

test('an upgrade that the server declines changes nothing', () => {
  const upgrade = GET.replace('\r\n\r\n', '\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n')
  assert.equal(play(`>${upgrade}`, `<${OK}`, `>${GET}`, `<${OK}`).length, 2)
})

test('an exchange cut short by the connection has status 0 and says so', () => {
  const [row] = play(`>${GET}`)
  assert.deepEqual(pick(row, 'state', 'status', 'error', 'response_bytes', 'desynchronised'), {
    state: 'closed',
    status: 0,
    error: 'connection_closed',
    response_bytes: 0,
    desynchronised: 0,
  })
})

test('a response cut short by the connection has what was seen of it', () => {
  const [row] = play(`>${GET}`, '<HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')
  assert.deepEqual(pick(row, 'status', 'response_bytes', 'desynchronised'), {
    status: 200,
    response_bytes: 40 + 3,
    desynchronised: 1,
  })
})

test('a body that was not captured is skipped by its length', () => {
  const script = new Script()
  const connection = script.connection()
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n'
  connection.request({ bytes: GET })
  connection.response({ bytes: head + 'x'.repeat(5000), captured: 100 })
  connection.response({ bytes: 'x'.repeat(4000), captured: 0 })
  connection.request({ bytes: GET }).response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.response_bytes, row.desynchronised, row.truncated]),
    [
      [head.length + 9000, 0, 0],
      [OK.length, 0, 0],
    ],
  )
})

test('a chunked body that was not captured ends where its tail says', () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const pieces of [
    [`1000\r\n${'x'.repeat(4096)}\r\n0\r\n\r\n`],
    [`1000\r\n${'x'.repeat(4096)}\r\n`, '0\r\n\r\n'],
    [`800\r\n${'x'.repeat(2048)}\r\n800\r\n`, `${'x'.repeat(2048)}\r\n0\r\n\r\n`],
  ]) {
    const script = new Script()
    const connection = script.connection()
    connection.request({ bytes: GET }).response({ bytes: head })
    for (const piece of pieces) connection.response({ bytes: piece, captured: 0 })
    const [row] = script.exchanges()
    assert.equal(row?.response_bytes, head.length + pieces.join('').length)
    assert.equal(row?.desynchronised, 0)
  }
})

test('a chunked body whose end was not seen ends with the next request', () => {
  const script = new Script()
  const connection = script.connection()
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  const rest = '3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n'
  connection.request({ bytes: GET }).response({ bytes: head })
  connection.response({ bytes: rest, captured: 0 })
  assert.equal(script.exchanges().length, 0)
  connection.request({ bytes: GET })
  const [row] = script.exchanges()
  assert.equal(row?.response_bytes, head.length + rest.length)
})

test('a head longer than what was captured is marked, and its exchange still ends', () => {
  const script = new Script()
  const connection = script.connection()
  const long = `GET /long HTTP/1.1\r\nHost: a\r\nCookie: ${'c'.repeat(8000)}\r\n\r\n`
  connection.request({ bytes: long, captured: 4096 }).response({ bytes: OK })
  const [row] = script.exchanges()
  assert.deepEqual(pick(row, 'target', 'truncated', 'status', 'request_bytes', 'ttfb_us'), {
    target: '/long',
    truncated: 1,
    status: 200,
    request_bytes: long.length,
    ttfb_us: 1,
  })
  connection.request({ bytes: GET }).response({ bytes: OK })
  assert.equal(script.exchanges()[0]?.target, '/a')
})

test('a message whose end was not seen ends where a piece begins like the next one', () => {
  const script = new Script()
  const connection = script.connection()
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  const rest = '3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n'
  connection.request({ bytes: GET + GET.replace('/a', '/b') })
  connection.response({ bytes: chunked + rest, captured: chunked.length })
  connection.response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.target, row.response_bytes]),
    [
      ['/a', chunked.length + rest.length],
      ['/b', OK.length],
    ],
  )
})

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
