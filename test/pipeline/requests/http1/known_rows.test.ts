/** Heads that are read by what differs from others, within all that is done with them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { readHead } from '../../../../pipeline/requests/http1/head_reader.ts'
import { KnownHeads } from '../../../../pipeline/requests/http1/known_heads.ts'
import { client, type Row, type Said, server, Talk } from '../talk.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333'
const REQUESTS = [
  'GET /a?b=c HTTP/1.1\r\nHost: shop\r\nX-Id: 1234567890\r\nAccept: */*\r\n\r\n',
  `GET /b HTTP/1.1\r\nHost: shop\r\nTraceparent: ${TRACE}1-01\r\nCookie: a=b\r\n\r\n`,
  'POST /c HTTP/1.1\r\nHost: other.shop\r\nContent-Length: 12\r\nX-Id: 1\r\n\r\nhello, world',
  'PUT /d HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
]
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nDate: Thu, 1 Jan\r\n\r\nhello',
  'HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 0\r\nDate: Thu, 1 Jan\r\n\r\n',
  'HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nServer: x\r\nDate: Thu, 1 Jan\r\n\r\n',
]

/** One byte of a message becomes another, or nothing is changed. */
const turn = fc.record({
  of: fc.nat(3),
  at: fc.option(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
  to: fc.oneof(fc.constantFrom(...Buffer.from('\r\n :1aZ\0\xff', 'latin1')), fc.nat(255)),
})

type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never

function bytesOf(texts: readonly string[], { of, at, to }: Turn): Buffer {
  const bytes = Buffer.from(texts[of] ?? '', 'latin1')
  if (at !== null) bytes[Math.floor(at * bytes.length)] = to
  return bytes
}

function rowsOf(all: readonly Said[], cuts: readonly number[], missing: readonly number[]): Row[] {
  let cut = 0
  let piece = 0
  const talk = new Talk({
    cuts: () => cuts[cut++ % cuts.length] as number,
    missing: () => missing.includes(piece++),
  })
  return talk.say(...all).end()
}

test('rows are the same as where no head is kept', (t: TestContext) => {
  let rows = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(turn, turn), { minLength: 4, maxLength: 16, size: 'max' }),
      fc.array(fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 90 })), { minLength: 1 }),
      fc.array(fc.nat(60), { maxLength: 2 }),
      (turns, cuts, missing) => {
        const all = turns.flatMap(([asked, answered]) => [
          client(bytesOf(REQUESTS, asked)),
          server(bytesOf(RESPONSES, answered)),
        ])
        const known = rowsOf(all, cuts, missing)
        const read: KnownHeads['read'] = (head, bytes, range) => readHead(head, bytes, range)
        const none = t.mock.method(KnownHeads.prototype, 'read', read)
        const anew = rowsOf(all, cuts, missing)
        none.mock.restore()
        assert.deepEqual(known, anew)
        rows += known.length
      },
    ),
    { numRuns: 300 },
  )
  assert.ok(rows > 1000, `${rows} rows`)
})
