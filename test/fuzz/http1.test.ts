/**
 * The HTTP/1 parser against random conversations, cut and captured at random, and against bytes
 * that mean it no good. What must hold: the same exchanges whatever the cuts; no exception; memory
 * within its bounds, and given back at the end.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Row, Script, type ScriptedConnection } from '../receivers/ebpf/script.ts'

interface Message {
  readonly head: string
  readonly body: string
}

interface Spoken {
  readonly request: Message
  readonly response: Message
  readonly interim: boolean
  readonly status: number
  readonly method: string
  readonly path: string
}

const letters = fc.string({ unit: fc.constantFrom(...'abcxyz'), maxLength: 60 })
/** How a body is framed: by its length, or in chunks of these sizes, with or without trailers. */
const framing = fc.oneof(
  fc.constant(undefined),
  fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 4 }),
    trailer: fc.boolean(),
  }),
)
const fold = fc.constantFrom(
  'X-A: b\r\n',
  'X-A: b\r\n folded: c\r\n',
  `${'x-long: '.padEnd(200, 'y')}\r\n`,
  '',
)

function message(
  line: string,
  { body, chunks, field }: { body: string; chunks: Chunked | undefined; field: string },
): Message {
  if (chunks === undefined) {
    return { head: `${line}\r\n${field}Content-Length: ${body.length}\r\n\r\n`, body }
  }
  const data = chunks.sizes.map((size) => `${size.toString(16)}\r\n${'d'.repeat(size)}\r\n`)
  const trailer = chunks.trailer ? 'T: x\r\n' : ''
  return {
    head: `${line}\r\n${field}Transfer-Encoding: chunked\r\n\r\n`,
    body: `${data.join('')}0\r\n${trailer}\r\n`,
  }
}

type Chunked = { readonly sizes: readonly number[]; readonly trailer: boolean }

const spoken: fc.Arbitrary<Spoken> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'PROPFIND'),
    path: letters,
    body: letters,
    answer: letters,
    status: fc.constantFrom(200, 204, 304, 404, 500),
    asked: framing,
    answered: framing,
    interim: fc.boolean(),
    field: fold,
  })
  .map(({ method, path, status, interim, field, ...bodies }) => {
    const request = message(`${method} /${path} HTTP/1.1`, {
      body: method === 'GET' || method === 'HEAD' ? '' : bodies.body,
      chunks: method === 'GET' || method === 'HEAD' ? undefined : bodies.asked,
      field,
    })
    const full = message(`HTTP/1.1 ${status} Reason`, {
      body: bodies.answer,
      chunks: bodies.answered,
      field,
    })
    const bodiless = method === 'HEAD' || status === 204 || status === 304
    const response = bodiless ? { ...full, body: '' } : full
    return { request, response, interim, status, method, path: `/${path}` }
  })

function expected(conversation: readonly Spoken[]): unknown[] {
  return conversation.map(({ method, path, status, request, response }) => [
    method,
    path,
    status,
    request.head.length + request.body.length,
    response.head.length + response.body.length,
  ])
}

function seen(rows: readonly Row[]): unknown[] {
  return rows.map((row) => [
    row.method,
    row.target,
    row.status,
    row.request_bytes,
    row.response_bytes,
  ])
}

/** Splits `text` at places given as fractions of its length. */
function cut(text: string, fractions: readonly number[]): string[] {
  const places = fractions.map((f) => Math.floor(f * text.length)).sort((a, b) => a - b)
  const bounds = [0, ...places, text.length]
  const parts = bounds.slice(1).map((end, i) => text.slice(bounds[i], end))
  return parts.filter((part) => part !== '')
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
const INTERIM = 'HTTP/1.1 100 Continue\r\n\r\n'

test('a conversation cut anywhere gives the same exchanges', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(spoken, cuts, cuts), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (conversation, client) => {
        const script = new Script()
        const connection = script.connection({ role: client ? 'client' : 'server' })
        for (const [{ request, response, interim }, requestCuts, responseCuts] of conversation) {
          for (const bytes of cut(request.head + request.body, requestCuts)) {
            connection.request({ bytes })
          }
          const text = (interim ? INTERIM : '') + response.head + response.body
          for (const bytes of cut(text, responseCuts)) connection.response({ bytes })
        }
        connection.close()
        const rows = script.exchanges()
        assert.deepEqual(seen(rows), expected(conversation.map(([s]) => s)))
        for (const row of rows) assert.equal(row.desynchronised, 0)
      },
    ),
    { numRuns: 500 },
  )
})

test('a pipelined conversation cut anywhere gives the same exchanges', () => {
  fc.assert(
    fc.property(
      fc.array(spoken, { minLength: 1, maxLength: 6 }),
      cuts,
      cuts,
      (conversation, requestCuts, responseCuts) => {
        const script = new Script()
        const connection = script.connection()
        const requests = conversation.map(({ request: { head, body } }) => head + body).join('')
        const responses = conversation.map(({ response: { head, body } }) => head + body).join('')
        for (const bytes of cut(requests, requestCuts)) connection.request({ bytes })
        for (const bytes of cut(responses, responseCuts)) connection.response({ bytes })
        connection.close()
        assert.deepEqual(seen(script.exchanges()), expected(conversation))
      },
    ),
    { numRuns: 500 },
  )
})

const capture = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 9, maxLength: 9 })

test('bodies that were captured in parts, or not at all, change nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(spoken, cuts, cuts, capture), { minLength: 1, maxLength: 6 }),
      (conversation) => {
        const script = new Script()
        const connection = script.connection()
        for (const [{ request, response }, requestCuts, responseCuts, captured] of conversation) {
          say(request, { cuts: requestCuts, captured }, (p) => connection.request(p))
          say(response, { cuts: responseCuts, captured }, (p) => connection.response(p))
        }
        connection.close()
        assert.deepEqual(seen(script.exchanges()), expected(conversation.map(([s]) => s)))
      },
    ),
    { numRuns: 500, examples: [[[[ONE_KNOWN_BYTE, [0.134], [], [0, 0.039]]]]] },
  )
})

/** Of a chunked body whose place is lost one byte is known, a letter: it begins no new request. */
const ONE_KNOWN_BYTE = {
  request: {
    head: 'PROPFIND / HTTP/1.1\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n',
    body: `13\r\n${'d'.repeat(19)}\r\n0\r\n\r\n`,
  },
  response: { head: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', body: '' },
  interim: false,
  status: 200,
  method: 'PROPFIND',
  path: '/',
}

/**
 * As the kernel captures: a message begins a piece and its head comes whole; of the rest, parts.
 */
function say(
  { head, body }: Message,
  how: { cuts: readonly number[]; captured: readonly number[] },
  piece: (fields: { bytes: string; captured: number }) => ScriptedConnection,
): void {
  const [first = '', ...others] = cut(body, how.cuts)
  const part = (text: string, i: number) => Math.floor((how.captured[i] ?? 0) * text.length)
  piece({ bytes: head + first, captured: head.length + part(first, 0) })
  for (const [i, bytes] of others.entries()) piece({ bytes, captured: part(bytes, i + 1) })
}

const hostilePiece = fc.record({
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'POST / HTTP/1.1\r\nContent-Length: 9007199254740991\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff',
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\n\r\n',
      'ffffffffffff\r\n',
      '\r\n0\r\n\r\n',
      '\r\n\r\n',
      '\r\n',
      'x'.repeat(70_000),
    ),
  ),
  captured: fc.oneof(fc.nat(400), fc.constant(100_000)),
  offset: fc.oneof(fc.constant(undefined), fc.nat(200_000), fc.maxSafeNat()),
  sent: fc.boolean(),
  again: fc.boolean(),
  connection: fc.nat(3),
})

test('hostile bytes, lengths and offsets neither throw nor outgrow the bounds', () => {
  fc.assert(
    fc.property(fc.array(hostilePiece, { maxLength: 60 }), (pieces) => {
      const script = new Script({ requests: { pipelined_max: 4, exchanges_max: 8 } })
      const connections = Array.from({ length: 4 }, (_, i) =>
        script.connection({ role: i % 2 === 0 ? 'client' : 'server' }),
      )
      for (const { sent, connection, offset, ...piece } of pieces) {
        const fields = offset === undefined ? piece : { ...piece, offset }
        const target = connections[connection] as ScriptedConnection
        if (sent) target.request(fields)
        else target.response(fields)
        const { headBytes, openExchanges } = script.followed.memory()
        assert.ok(headBytes <= 8 * 65_536)
        assert.ok(openExchanges <= 8)
      }
      for (const connection of connections) connection.close()
      assert.deepEqual(script.followed.memory(), {
        connections: 0,
        headBytes: 0,
        openExchanges: 0,
        openRequests: 0,
        datagramEnds: 0,
      })
    }),
    { numRuns: 300 },
  )
})
