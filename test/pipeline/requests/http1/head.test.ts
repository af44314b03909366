import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BAD_LENGTH, Head, NO_LENGTH } from '../../../../pipeline/requests/http1/head.ts'
import { INCOMPLETE, INVALID, readHead } from '../../../../pipeline/requests/http1/head_reader.ts'
import { beginsMessage, isMessageStart } from '../../../../pipeline/requests/http1/message_start.ts'

function read(text: string, more: { request?: boolean; cut?: boolean } = {}): Head | undefined {
  const bytes = Buffer.from(text, 'latin1')
  const head = new Head()
  const range = { at: 0, to: bytes.length, request: more.request ?? true, cut: more.cut ?? false }
  const end = readHead(head, bytes, range)
  return end === INVALID || (end === INCOMPLETE && !range.cut) ? undefined : head
}

function fields(lines: string): Head {
  const head = read(`POST / HTTP/1.1\r\n${lines}\r\n\r\n`)
  assert.ok(head)
  return head
}

const REQUEST_LINES: [string, string, { method: string; target: string; version: string }?][] = [
  [
    'an origin-form',
    'GET /a?b HTTP/1.1\r\n\r\n',
    { method: 'GET', target: '/a?b', version: '1.1' },
  ],
  ['HTTP/1.0', 'HEAD / HTTP/1.0\r\n\r\n', { method: 'HEAD', target: '/', version: '1.0' }],
  ['bare LFs', 'GET / HTTP/1.1\n\n', { method: 'GET', target: '/', version: '1.1' }],
  [
    'another method',
    'M-SEARCH * HTTP/1.1\r\n\r\n',
    { method: 'M-SEARCH', target: '*', version: '1.1' },
  ],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\n\r\n', { method: 'CONNECT', target: 'a:1', version: '1.1' }],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\n'],
  ['no version', 'GET /a\r\n\r\n'],
  ['no target', 'GET  HTTP/1.1\r\n\r\n'],
  ['a space in the target', 'GET /a b HTTP/1.1\r\n\r\n'],
  ['a control character in the target', 'GET /a\x01b HTTP/1.1\r\n\r\n'],
  ['no method', ' / HTTP/1.1\r\n\r\n'],
  ['a method of 25 letters', `${'A'.repeat(25)} / HTTP/1.1\r\n\r\n`],
]

for (const [name, text, expected] of REQUEST_LINES) {
  test(`a request line with ${name} is ${expected === undefined ? 'refused' : 'read'}`, () => {
    const head = read(text)
    const { method, target, version } = head ?? {}
    assert.deepEqual(head && { method, target, version }, expected)
  })
}

const STATUS_LINES: [string, string, number?][] = [
  ['a reason', 'HTTP/1.1 404 Not Found\r\n\r\n', 404],
  ['an empty reason', 'HTTP/1.1 200 \r\n\r\n', 200],
  ['no reason and no space', 'HTTP/1.1 200\r\n\r\n', 200],
  ['four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
]

for (const [name, text, expected] of STATUS_LINES) {
  test(`a status line with ${name} is ${expected === undefined ? 'refused' : 'read'}`, () => {
    assert.equal(read(text, { request: false })?.status, expected)
  })
}

const LENGTHS: [string, number][] = [
  ['Content-Length: 12', 12],
  ['content-length:0', 0],
  ['CONTENT-LENGTH: \t 7 \t', 7],
  ['Content-Length: 5, 5', 5],
  ['Content-Length: 5\r\nContent-Length: 5', 5],
  ['Content-Length:\r\n 42', 42],
  ['Content-Length: 9007199254740991', Number.MAX_SAFE_INTEGER],
  ['Content-Length: 9007199254740993', BAD_LENGTH],
  ['Content-Length: 5\r\nContent-Length: 6', BAD_LENGTH],
  ['Content-Length: 5, 6', BAD_LENGTH],
  ['Content-Length: -1', BAD_LENGTH],
  ['Content-Length: +1', BAD_LENGTH],
  ['Content-Length: 1 2', BAD_LENGTH],
  ['Content-Length: 0x10', BAD_LENGTH],
  ['Content-Length: 1e3', BAD_LENGTH],
  ['Content-Length:', BAD_LENGTH],
  ['Content-Length: ,', BAD_LENGTH],
  ['Content-Length: 5,', BAD_LENGTH],
  ['X-Content-Length: 12', NO_LENGTH],
  ['Content-Length-: 12', NO_LENGTH],
]

for (const [line, expected] of LENGTHS) {
  test(`${JSON.stringify(line)} is the length ${expected}`, () => {
    assert.equal(fields(line).contentLength, expected)
  })
}

const CODINGS: [string, boolean, boolean][] = [
  ['Transfer-Encoding: chunked', true, true],
  ['transfer-encoding: gzip, Chunked', true, true],
  ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', true, true],
  ['Transfer-Encoding: chunked, gzip', true, false],
  ['Transfer-Encoding: xchunked', true, false],
  ['Content-Encoding: chunked', false, false],
]

for (const [line, coded, chunked] of CODINGS) {
  test(`${JSON.stringify(line)} is ${coded ? '' : 'not '}coded, ${chunked ? '' : 'not '}chunked`, () => {
    const head = fields(line)
    assert.deepEqual([head.transferCoded, head.chunked], [coded, chunked])
  })
}

test('the host is read whatever the case of its name, and is bounded', () => {
  assert.equal(fields('hOsT:  shop.example:8080 ').host, 'shop.example:8080')
  assert.equal(fields(`Host: ${'a'.repeat(300)}`).host.length, 255)
})

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

test('a traceparent is read low word first', () => {
  const head = fields(`TraceParent: 00-${TRACE}-${PARENT}-01`)
  assert.equal(head.traces, 1)
  assert.deepEqual(
    [...head.trace],
    [0x1c80319c, 0x8448eb21, 0x16cd43dd, 0x0af76519, 0x69203331, 0xb7ad6b71, 1],
  )
})

const TRACEPARENTS: [string, string, boolean][] = [
  ['version ff', `ff-${TRACE}-${PARENT}-01`, false],
  ['upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`, false],
  ['an all-zero trace id', `00-${'0'.repeat(32)}-${PARENT}-01`, false],
  ['an all-zero parent id', `00-${TRACE}-${'0'.repeat(16)}-01`, false],
  ['more behind version 00', `00-${TRACE}-${PARENT}-01-more`, false],
  ['more behind a later version', `01-${TRACE}-${PARENT}-01-more`, true],
  ['more behind a later version without a dash', `01-${TRACE}-${PARENT}-01more`, false],
  ['a later version of the same length', `cc-${TRACE}-${PARENT}-00`, true],
  ['a digit missing', `00-${TRACE}-${PARENT}-0`, false],
  ['another separator', `00_${TRACE}-${PARENT}-01`, false],
  ['flags that are no hex', `00-${TRACE}-${PARENT}-0g`, false],
]

for (const [name, value, valid] of TRACEPARENTS) {
  test(`a traceparent with ${name} is ${valid ? '' : 'in'}valid`, () => {
    assert.equal(fields(`traceparent: ${value}`).traces === 1, valid)
  })
}

test('two traceparents are none', () => {
  const line = `traceparent: 00-${TRACE}-${PARENT}-01`
  assert.notEqual(fields(`${line}\r\n${line}`).traces, 1)
})

test('a cut head gives what it has, without its last, unfinished field', () => {
  const head = read('GET /long HTTP/1.1\r\nHost: a\r\nContent-Length: 12', { cut: true })
  assert.equal(head?.target, '/long')
  assert.equal(head?.host, 'a')
  assert.equal(head?.contentLength, NO_LENGTH)
})

test('a head cut in its target is read when its method is a known one', () => {
  const head = read('GET /very/lo', { cut: true })
  assert.deepEqual([head?.method, head?.target, head?.version], ['GET', '/very/lo', ''])
  assert.equal(read('FOO /very/lo', { cut: true }), undefined)
})

test('the end of a head is found behind CRLF CRLF, LF LF and LF CRLF, and not before it is there', () => {
  for (const ending of ['\r\n\r\n', '\n\n', '\n\r\n']) {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nA: b${ending}next`)
    const range = { at: 0, to: bytes.length, request: true, cut: false }
    assert.equal(readHead(new Head(), bytes, range), bytes.length - 4, JSON.stringify(ending))
    for (let to = 0; to < bytes.length - 4; to++) {
      assert.equal(readHead(new Head(), bytes, { ...range, to }), INCOMPLETE, `${to}`)
    }
  }
})

const BEGINNINGS: [string, boolean, boolean][] = [
  ['GET / HTTP/1.1\r\n', true, true],
  ['GET /', true, true],
  ['GET', true, true],
  ['GET key\r\n', true, false],
  ['*3\r\n$3\r\nSET\r\n', true, false],
  ['\x16\x03\x01\x02', true, false],
  ['HTTP/1.1 200 OK', false, true],
  ['HTT', false, true],
  ['HTTP/2 200', false, false],
  ['+OK\r\n', false, false],
]

for (const [text, request, expected] of BEGINNINGS) {
  const kind = request ? 'request' : 'response'
  test(`${JSON.stringify(text)} begins ${expected ? 'like' : 'unlike'} a ${kind}`, () => {
    const bytes = Buffer.from(text, 'latin1')
    assert.equal(beginsMessage(bytes, 0, bytes.length, request), expected)
  })
}

test('`isMessageStart()` wants the whole request line, or the whole of `HTTP/1.`', () => {
  const is = (text: string, request: boolean) =>
    isMessageStart(Buffer.from(text, 'latin1'), 0, text.length, request)
  assert.deepEqual(
    ['d', 'GET', 'Hello world', 'GET / HTTP/1.1', 'Hello world\r\n'].map((text) => is(text, true)),
    [false, false, false, false, false],
  )
  assert.equal(is('GET / HTTP/1.1\r\n', true), true)
  assert.deepEqual(
    ['H', 'HTTP/1', 'HTTP/1.'].map((text) => is(text, false)),
    [false, false, true],
  )
})
