import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { METHODS } from '../../../pipeline/requests/http1/head_reader.ts'
import { isRequestStart } from '../../../pipeline/requests/http1/message_start.ts'
import { PROTOCOLS } from '../../../pipeline/requests/protocols.ts'
import { DETECT_BYTES_MAX } from '../../../pipeline/requests/undecided.ts'

const PORTS = [53, 80, 443, 3306, 5432, 6379, 8080, 9092, 11_211]

test('of a request line that is taken for HTTP/1 at once every other protocol says no', () => {
  const target = fc.string({ unit: fc.constantFrom(...'/:*?=&.-_0aZ\x80\xff'), minLength: 1 })
  const rest = fc.string({ unit: 'binary-ascii', maxLength: 600 })
  const line = fc.record({ method: fc.constantFrom(...METHODS), target, rest })
  fc.assert(
    fc.property(line, fc.constantFrom(...PORTS), ({ method, target, rest }, port) => {
      const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\n${rest}`, 'latin1')
      if (!isRequestStart(bytes, 0, bytes.length)) return
      const to = Math.min(bytes.length, DETECT_BYTES_MAX)
      const first = { bytes, at: 0, to, end: bytes.length, fromClient: true, port }
      for (const { name, detect } of PROTOCOLS) assert.equal(detect(first), 'no', name)
    }),
    { numRuns: 2000 },
  )
})

test('a request line is taken for HTTP/1 at once only where it is whole and its method known', () => {
  const is = (text: string) => isRequestStart(Buffer.from(text), 0, text.length)
  for (const method of METHODS) assert.ok(is(`${method} / HTTP/1.1\r\n`), method)
  const others = ['GET / HTTP/1.1', 'GET /\r\n', 'GET / HTTP/2.0\r\n', 'get / HTTP/1.1\r\n', '']
  for (const text of [...others, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) assert.ok(!is(text), text)
})
