import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Head } from '../../../../pipeline/requests/http1/head.ts'
import { INCOMPLETE, INVALID, readHead } from '../../../../pipeline/requests/http1/head_reader.ts'
import { KnownHeads } from '../../../../pipeline/requests/http1/known_heads.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
/** Eight bytes that are equal as numbers: 0 and -0. */
const ZEROS = ['\0', '\x80'].map((end) => `${'\0'.repeat(23)}${end}`)

const value = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'a b', ' a', 'chunked', 'gzip, chunked', '100-continue', 'h2c'),
  fc.constantFrom('1', '12', '123', '12, 12', '12, 13', '9007199254740993', 'ä', '\xff\xff'),
  fc.string({ maxLength: 24 }).map((text) => text.replace(/[\n\r]/g, '')),
  fc
    .tuple(fc.constantFrom('00', 'ff'), fc.constantFrom('1', '2', 'g'))
    .map(([version, last]) => `${version}-${TRACE}-b7ad6b716920333${last}-01`),
)
const name = fc.oneof(
  fc.constantFrom('Host', 'Content-Length', 'Traceparent', 'X-Id', 'Accept', 'Cookie'),
  fc.constantFrom('host', 'Content-length', 'Transfer-Encoding', 'Expect', 'Upgrade', '', '\rX'),
)
const lineEnd = fc.oneof(
  { weight: 40, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r\n folded: x\r\n', '\r\n\t\n') },
)
const line = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.tuple(name, value, lineEnd).map(([n, v, end]) => `${n}: ${v}${end}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('no colon\r\n', ...ZEROS.map((v) => `X:${v}\r\n`)) },
)
const blank = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')
const firstLine = fc.constantFrom(
  'GET / HTTP/1.1\r\n',
  'POST /a?b=c HTTP/1.0\n',
  'GET\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.0 404\n',
)
/** Of one line: it goes, goes on, has another value or another line before it. */
const change = fc.record({
  at: fc.nat(8),
  added: fc.oneof(
    fc.tuple(value, lineEnd).map(([text, end]) => `: ${text}${end}`),
    fc.oneof(line, fc.constantFrom('', ' 2\r\n', ...ZEROS.map((text) => `:${text}\r\n`))),
  ),
})

interface Spoken {
  readonly first: string
  readonly fields: string
}

/** Heads one after the other, of which most have most lines of those before. */
const spoken: fc.Arbitrary<Spoken[]> = fc
  .tuple(
    fc.array(line, { minLength: 1, maxLength: 8, size: 'max' }),
    fc.array(fc.tuple(firstLine, blank, fc.array(change, { maxLength: 2 })), {
      minLength: 4,
      maxLength: 12,
      size: 'max',
    }),
  )
  .map(([begun, changes]) =>
    changes.map(([first, end, edits]) => {
      const lines = [...begun]
      for (const { at, added } of edits) {
        const { [at]: old = '' } = lines
        // Mostly another value of the same field.
        if (added.startsWith(' ')) lines[at] = old + added
        else if (added.startsWith(':')) lines[at] = old.slice(0, old.indexOf(':')) + added
        else lines.splice(at, added === '' ? 1 : 0, added)
      }
      return { first, fields: lines.join('') + end }
    }),
  )

/** What is read of `bytes[at … to)`: where it ends, and where that is known, all that it says. */
function said(end: number, head: Head): unknown {
  if (end === INCOMPLETE || end === INVALID) return end
  const { trace: words, bytes, ...others } = head
  return { end, target: head.target, ...others, words: head.traces === 1 ? [...words] : [] }
}

test('a head that is read by what differs from others says what each of its lines does', () => {
  let known = 0
  fc.assert(
    fc.property(spoken, fc.nat(9), fc.double({ min: 0, max: 2, noNaN: true }), (all, at, cut) => {
      const heads = { request: new KnownHeads('request'), response: new KnownHeads('response') }
      const [expected, found] = [new Head(), new Head()]
      for (const { first, fields } of all) {
        const request = !first.startsWith('HTTP')
        const text = `${'\n'.repeat(at)}${first}${fields}next: 1\r\n\r\n`
        const bytes = Buffer.from(text, 'latin1')
        const whole = at + first.length + fields.length
        const to = cut > 1 ? bytes.length : at + Math.floor(cut * (whole - at))
        const range = { at, to, request, cut: false }
        const end = readHead(expected, bytes, { ...range })
        const other = heads[request ? 'request' : 'response'].read(found, bytes, { ...range })
        assert.deepEqual(said(other, found), said(end, expected), JSON.stringify(text))
        if (end >= 0) known++
      }
    }),
    { numRuns: 4000 },
  )
  assert.ok(known > 1000)
})

test('a value of NULs is told from one that is equal as a number', () => {
  for (let before = 0; before < 8; before++) {
    const heads = new KnownHeads('request')
    for (const last of ['\0', '\x80', '\0']) {
      const host = `${'\0'.repeat(15)}${last}x`
      const fields = `NULs-${before}: ${'x'.repeat(before)}\r\nHost: ${host}\r\n\r\n`
      const bytes = Buffer.from(`GET / HTTP/1.1\r\n${fields}`, 'latin1')
      const head = new Head()
      heads.read(head, bytes, { at: 0, to: bytes.length, request: true, cut: false })
      assert.equal(head.host, host)
    }
  }
})

test('a line that is the same, but goes on in the next one, is read with that', () => {
  const heads = new KnownHeads('request')
  const hosts = ['', '\r\n c', ''].map((folded) => {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a${folded}\r\nGoes-On: b\r\n\r\n`)
    const head = new Head()
    heads.read(head, bytes, { at: 0, to: bytes.length, request: true, cut: false })
    return head.host
  })
  assert.deepEqual(hosts, ['a', 'a\r\n c', 'a'])
})

/** Of one byte, anywhere: another, one more, or one less. */
const slip = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  how: fc.constantFrom('another', 'more', 'less'),
  byte: fc.oneof(fc.constantFrom(...Buffer.from('\r\n\t :,\0\x7f\x80\xff0aA')), fc.nat(255)),
  of: fc.nat(2),
})

test('a byte that is another, more or less is read on each of several connections', () => {
  fc.assert(
    fc.property(
      spoken,
      fc.array(slip, { minLength: 4, maxLength: 24, size: 'max' }),
      (all, slips) => {
        const connections = Array.from({ length: 3 }, () => new KnownHeads('request'))
        const [expected, found] = [new Head(), new Head()]
        const first = Buffer.from('POST / HTTP/1.1\r\n')
        for (const [i, { at, how, byte, of }] of slips.entries()) {
          const fields = Buffer.from(all[i % 2]?.fields ?? '', 'latin1')
          const place = Math.floor(at * fields.length)
          const rest = fields.subarray(how === 'more' ? place : place + 1)
          const put = Buffer.from(how === 'less' ? [] : [byte])
          const slipped = Buffer.concat([first, fields.subarray(0, place), put, rest])
          // Those before and behind it are as they were, so that it is compared with them.
          for (const bytes of [Buffer.concat([first, fields]), slipped]) {
            const range = { at: 0, to: bytes.length, request: true, cut: false }
            const end = readHead(expected, bytes, { ...range })
            const other = connections[of]?.read(found, bytes, { ...range }) ?? 0
            assert.deepEqual(said(other, found), said(end, expected), JSON.stringify(`${bytes}`))
          }
        }
      },
    ),
    { numRuns: 1000 },
  )
})
