import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GET, OK, pick, play } from './played.ts'
import { Script } from './script.ts'

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

test('a body whose pieces were withheld is as long, and ends when it did', () => {
  const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n'
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  const untold = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'
  const end = '\r\n0\r\n\r\n'
  for (const [head, last] of [
    [sized, 'x'.repeat(1000)],
    [chunked, `xxx${end}`],
    [chunked, end.slice(2)],
    // Told of when the connection ends, or before the next request: all of it was withheld.
    [untold, ''],
    [chunked, ''],
  ] as const) {
    const script = new Script()
    const connection = script.connection()
    const body = 'x'.repeat(9000 - (head === sized ? last.length : 0)) + last
    connection.request({ bytes: GET }).response({ bytes: head, timeNs: 1000 })
    connection.response({
      ...{ bytes: body, skipped: body.length - last.length },
      ...{ captured: 0, timeNs: 9000 },
    })
    const rows = script.exchanges()
    assert.equal(rows.length, last === '' ? 0 : 1)
    if (head !== untold) connection.request({ bytes: GET }).response({ bytes: OK })
    connection.close()
    rows.push(...script.exchanges())
    assert.equal(rows.length, head === untold ? 1 : 2)
    assert.equal(rows[0]?.response_bytes, head.length + body.length)
    assert.equal(rows[0]?.desynchronised, 0)
  }
})

test('behind a piece of which nothing is there the next is read from its own bytes', () => {
  const script = new Script()
  const connection = script.connection()
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n'
  connection.request({ bytes: GET }).response({ bytes: head })
  connection.response({ bytes: 'x'.repeat(9000), skipped: 9000 })
  const next = 'GET /next HTTP/1.1\r\nHost: shop\r\n\r\n'
  connection.request({ bytes: next }).response({ bytes: OK })
  const last = script.exchanges().at(-1)
  assert.deepEqual([last?.target, last?.status], ['/next', 200])
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
