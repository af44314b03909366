import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  client,
  parserSuite,
  type Row,
  type Said,
  server,
  Talk,
  type TalkOptions,
} from '../talk.ts'
import {
  begin,
  block,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  GRPC,
  HEADERS,
  headers,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  request,
  SETTINGS,
  WINDOW_UPDATE,
} from './wire.ts'

const PORT = 50_051
const LAST = END_HEADERS | END_STREAM

function get(stream: number, path: string): Said {
  return client(headers(stream, request(path), LAST))
}

function ok(stream: number, body = 'hello'): Said {
  const data = frame(DATA, stream, { flags: END_STREAM, body })
  return server(Buffer.concat([headers(stream, { ':status': '200' }), data]))
}

function call(stream: number, more: Readonly<Record<string, string>> = {}): Said {
  const of = { ...request('/shop.Orders/Get', { ':method': 'POST', ...GRPC }), ...more }
  const message = frame(DATA, stream, { flags: END_STREAM, body: '\0\0\0\0\x03abc' })
  return client(Buffer.concat([headers(stream, of), message]))
}

function answer(stream: number, trailers: Readonly<Record<string, string>>): Said {
  return server(
    Buffer.concat([
      headers(stream, { ':status': '200', 'content-type': 'application/grpc+proto' }),
      frame(DATA, stream, { body: '\0\0\0\0\x01x' }),
      headers(stream, trailers, LAST),
    ]),
  )
}

function code(value: number): Buffer {
  const body = Buffer.alloc(4)
  body.writeUInt32BE(value)
  return body
}

function rows(said: readonly Said[], options: TalkOptions = {}): Row[] {
  return new Talk({ port: PORT, ...options }).say(...begin, ...said).end()
}

function told(said: readonly Said[], options: TalkOptions = {}): unknown[] {
  return rows(said, options).map((row) => [row.protocol, row.method, row.target, row.status])
}

const SIMPLE = [...begin, get(1, '/a'), ok(1), get(3, '/b?token=1'), ok(3)]
const INTERLEAVED = [
  ...begin,
  get(1, '/slow'),
  client(headers(3, { ...request('/up'), ':method': 'PUT' })),
  server(headers(1, { ':status': '200' })),
  client(frame(DATA, 3, { body: 'x'.repeat(30) })),
  server(frame(DATA, 1, { body: 'y'.repeat(20) })),
  client(frame(DATA, 3, { flags: END_STREAM, body: 'z' })),
  server(headers(3, { ':status': '204' }, LAST)),
  server(frame(DATA, 1, { flags: END_STREAM, body: 'end' })),
]
const CALLS = [...begin, call(1), answer(1, { 'grpc-status': '0' }), call(3)].concat(
  answer(3, { 'grpc-status': '5', 'grpc-message': 'no order 17' }),
)
const path = headers(1, request('/split/over/frames'), 0).subarray(9)
const SPLIT = [
  ...begin,
  client(
    Buffer.concat([
      frame(HEADERS, 1, {
        flags: PADDED | PRIORITY | END_STREAM,
        body: Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 15]), path.subarray(0, 20), code(0)]),
      }),
      frame(CONTINUATION, 1, { body: path.subarray(20, 30) }),
      frame(CONTINUATION, 1, { flags: END_HEADERS, body: path.subarray(30) }),
    ]),
  ),
  server(headers(1, { ':status': '103', link: '</style.css>' })),
  ok(1, ''),
]

parserSuite('http2', { port: PORT, conversations: [SIMPLE, INTERLEAVED, CALLS, SPLIT] })

test('requests are paired by their streams, and queries redacted', () => {
  const options = { port: PORT }
  const told = (said: readonly Said[]) =>
    new Talk(options)
      .say(...said)
      .end()
      .map((row) => [row.protocol, row.method, row.target, row.status])
  assert.deepEqual(told(SIMPLE), [
    ['http', 'GET', '/a', 200],
    ['http', 'GET', '/b?token=REDACTED', 200],
  ])
  assert.deepEqual(told(INTERLEAVED), [
    ['http', 'PUT', '/up', 204],
    ['http', 'GET', '/slow', 200],
  ])
  const [row] = new Talk(options).say(...SIMPLE).end()
  assert.deepEqual([row?.protocol_version, row?.host], ['2', 'shop'])
})

test('sizes are those of the own frames of a stream, offsets those of its first', () => {
  const [put, slow] = new Talk({ port: PORT }).say(...INTERLEAVED).end()
  const said = INTERLEAVED.map(({ bytes }) => bytes.length)
  const before = PREFACE.length + 9 + 9
  assert.equal(slow?.request_offset, before)
  assert.equal(slow?.request_bytes, said[4])
  assert.equal(put?.request_offset, before + Number(said[4]))
  assert.equal(put?.request_bytes, Number(said[5]) + 9 + 30 + 9 + 1)
  assert.equal(slow?.response_bytes, Number(said[6]) + 9 + 20 + 9 + 3)
  assert.equal(put?.response_bytes, said[10])
})

test('a block may be padded, have a priority, and go on in several frames', () => {
  assert.deepEqual(told(SPLIT.slice(begin.length)), [['http', 'GET', '/split/over/frames', 200]])
})

test('a gRPC call has its method as target, and its status from the trailers', () => {
  const all = new Talk({ port: PORT }).say(...CALLS).end()
  assert.deepEqual(
    all.map((row) => [row.protocol, row.method, row.target, row.status, row.error]),
    [
      ['grpc', 'Get', '/shop.Orders/Get', undefined, undefined],
      ['grpc', 'Get', '/shop.Orders/Get', 5, 'NOT_FOUND'],
    ],
  )
})

test('a call that fails at once has no other fields than its trailers', () => {
  const trailers = { ':status': '200', ...GRPC, 'grpc-status': '12' }
  const [row] = rows([call(1), server(headers(1, trailers, LAST))])
  assert.deepEqual([row?.status, row?.error], [12, 'UNIMPLEMENTED'])
})

test('a proxy that answers a call for its server is told by its HTTP status', () => {
  const [row] = rows([call(1), server(headers(1, { ':status': '503' }, LAST))])
  assert.deepEqual([row?.status, row?.error], [14, 'UNAVAILABLE'])
})

test('gRPC-Web is HTTP', () => {
  const web = call(1, { 'content-type': 'application/grpc-web+proto' })
  assert.deepEqual(told([web, ok(1)]), [['http', 'POST', '/shop.Orders/Get', 200]])
})

test('a reset ends an exchange, and says why', () => {
  const reset = (by: 'client' | 'server', value: number) => ({
    by,
    bytes: frame(RST_STREAM, 1, { body: code(value) }),
  })
  const error = (said: readonly Said[]) => rows(said).map((row) => [row.status, row.error])
  assert.deepEqual(error([get(1, '/'), reset('server', 11)]), [[undefined, 'ENHANCE_YOUR_CALM']])
  assert.deepEqual(error([call(1), reset('client', 8)]), [[1, 'CANCELLED']])
  assert.deepEqual(error([call(1), reset('server', 7)]), [[14, 'UNAVAILABLE']])
  assert.deepEqual(error([call(1, { 'grpc-timeout': '1m' }), reset('client', 8)]), [
    [4, 'DEADLINE_EXCEEDED'],
  ])
  assert.deepEqual(error([call(1, { 'grpc-timeout': '20S' }), reset('client', 8)]), [
    [1, 'CANCELLED'],
  ])
})

test('a response that is whole before its request is one, without an error', () => {
  const upload = client(headers(1, { ...request('/up'), ':method': 'POST' }))
  const reset = server(frame(RST_STREAM, 1, { body: code(0) }))
  const [row] = rows([upload, ok(1), reset])
  assert.deepEqual([row?.status, row?.error, row?.desynchronised], [200, undefined, undefined])
})

test('streams that a server goes away without are refused', () => {
  const body = Buffer.concat([code(1), code(0)])
  const all = rows([get(1, '/one'), get(3, '/two'), server(frame(GOAWAY, 0, { body })), ok(1)])
  assert.deepEqual(
    all.map((row) => [row.target, row.error]),
    [
      ['/two', 'REFUSED_STREAM'],
      ['/one', undefined],
    ],
  )
})

test('what a server pushes answers nobody, and keeps the table', () => {
  // Indexed by the promise, used by the response: "x-a: b" and ":status 200".
  const promise = Buffer.concat([
    code(2),
    Buffer.from('400378 2d61 0162'.replaceAll(' ', ''), 'hex'),
  ])
  const pushed = [
    server(frame(PUSH_PROMISE, 1, { flags: END_HEADERS, body: promise })),
    server(frame(HEADERS, 1, { flags: LAST, body: Buffer.from([0x88, 0xbe]) })),
    server(headers(2, { ':status': '200' }, LAST)),
  ]
  const talk = new Talk({ port: PORT }).say(...begin, get(1, '/'), ...pushed)
  assert.deepEqual(
    talk.end().map((row) => [row.target, row.status]),
    [['/', 200]],
  )
  assert.equal(talk.notes.responses_without_request, undefined)
  assert.equal(talk.notes.http2_desynchronised, undefined)
})

test('a trace context is read', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const [row] = rows([call(1, { traceparent }), answer(1, { 'grpc-status': '0' })])
  assert.equal(row?.wire_trace_id, '0af7651916cd43dd8448eb211c80319c')
  assert.equal(row?.wire_span_id, 'b7ad6b7169203331')
})

test('long bodies of which only the beginning is known change nothing', () => {
  const said = [get(1, '/big'), ok(1, 'x'.repeat(9000)), get(3, '/next'), ok(3)]
  const all = rows(said, { captured: (length) => Math.min(length, 1024) })
  assert.deepEqual(
    all.map((row) => [row.target, row.status, row.desynchronised]),
    [
      ['/big', 200, undefined],
      ['/next', 200, undefined],
    ],
  )
})

test('after missing bytes what was open is marked, and whole frames begin anew', () => {
  const talk = new Talk({ port: PORT }).say(...begin, get(1, '/a'), ok(1), get(3, '/b'))
  talk.skip('server', 50)
  const update = server(frame(WINDOW_UPDATE, 0, { body: code(9) }))
  talk.say(get(5, '/c'), update, ok(5), get(7, '/d'), ok(7))
  assert.deepEqual(
    talk.end().map((row) => [row.target, row.status, row.desynchronised]),
    [
      ['/a', 200, undefined],
      ['/b', undefined, true],
      ['/c', 200, undefined],
      ['/d', 200, undefined],
    ],
  )
  assert.equal(talk.notes.http2_desynchronised, 1)
})

for (const before of [0, 2 ** 40]) {
  test(`of a connection that is older than its capture all is said that does not hang on the past (${before})`, () => {
    const indexed = Buffer.from([0x83, 0x86, 0xc0, 0x01, 0x04, 0x73, 0x68, 0x6f, 0x70, 0xbf])
    const old = [
      client(
        Buffer.concat([
          frame(HEADERS, 101, { flags: END_HEADERS, body: indexed }),
          frame(DATA, 101, { flags: END_STREAM, body: 'x' }),
        ]),
      ),
      answer(101, { 'grpc-status': '0' }),
      call(103),
      answer(103, { 'grpc-status': '0' }),
    ]
    const talk = new Talk({ port: PORT, before }).say(...old)
    assert.deepEqual(
      talk.end().map((row) => [row.protocol, row.method, row.target, row.status, row.truncated]),
      [
        ['grpc', undefined, undefined, undefined, true],
        ['grpc', 'Get', '/shop.Orders/Get', undefined, undefined],
      ],
    )
    assert.equal(talk.notes.http2_desynchronised, 2)
  })
}

test('what is seen first of an older connection may be the middle of a frame', () => {
  const post = Buffer.from([0x83, 0x86])
  const fields = block({ ':path': '/shop.Orders/Get', ...GRPC })
  const body = Buffer.concat([post, fields])
  const talk = new Talk({ port: PORT, before: 5000 }).say(
    client(frame(HEADERS, 101, { flags: LAST, body })),
    server('the end of a body that began before'),
    answer(101, { 'grpc-status': '3' }),
  )
  assert.deepEqual(
    talk.end().map((row) => [row.target, row.status, row.desynchronised]),
    [['/shop.Orders/Get', 3, undefined]],
  )
})

test('a call whose content type refers to missing bytes is one where all others were', () => {
  const unknown = Buffer.concat([Buffer.from([0x83, 0xc5]), block({ ':path': '/shop.Orders/Put' })])
  const later = (said: Said) => {
    const talk = new Talk({ port: PORT }).say(...begin, said, answer(1, { 'grpc-status': '0' }))
    talk.skip('client', 50).say(client(frame(PING, 0, { body: '12345678' })))
    talk.say(client(frame(HEADERS, 3, { flags: LAST, body: unknown })))
    talk.say(server(headers(3, { ':status': '200' })), server(headers(3, { a: 'b' }, LAST)))
    return talk.end().map((row) => [row.protocol, row.method, row.status, row.truncated])[1]
  }
  assert.deepEqual(later(call(1)), ['grpc', 'Put', 2, true])
  assert.deepEqual(later(get(1, '/')), ['http', 'POST', 200, true])
})

test('a head whose padding and priority are missed too harms no other stream', () => {
  const body = Buffer.concat([
    Buffer.from([2, 0, 0, 0, 0, 9]),
    block(request('/a')),
    Buffer.alloc(2),
  ])
  const first = frame(HEADERS, 1, { flags: PADDED | PRIORITY | END_STREAM, body })
  const rest = frame(CONTINUATION, 1, { flags: END_HEADERS, body: block({ a: 'b' }) })
  for (const known of [0, 1, 5, 6]) {
    const talk = new Talk({ port: PORT }).say(...begin, client(first.subarray(0, 9 + known)))
    talk.skip('client', first.length - 9 - known).say(client(rest), ok(1), get(3, '/b'), ok(3))
    assert.deepEqual(
      talk.end().map((row) => [row.target, row.status, row.truncated]),
      [['/b', 200, undefined]],
    )
  }
})

test('settings, pings and frames that nobody knows stand anywhere', () => {
  const other = frame(0x3c, 9, { flags: 0xff, body: 'grease' })
  const ping = frame(PING, 0, { body: '12345678' })
  const settings = frame(SETTINGS, 0, { body: '\0\x01\0\0\0\0' })
  const said = [get(1, '/a'), server(other), client(ping), server(settings), ok(1)]
  assert.deepEqual(told(said), [['http', 'GET', '/a', 200]])
})
