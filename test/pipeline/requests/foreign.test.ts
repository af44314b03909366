/** What is spoken is no protocol that is read, and the connection older than what is seen of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Said, Talk } from './talk.ts'

const text = fc.stringMatching(/^[ -~]{0,40}$/).map((line) => Buffer.from(`${line}\r\n`))
const body = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  text,
)

/** How others tell where a message ends: a length before it, of many forms, or a line's end. */
const framings: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  'a length, little-endian': (of) => Buffer.concat([le(of.length), of]),
  'a length, big-endian': (of) => Buffer.concat([le(of.length).reverse(), of]),
  'a length with itself': (of) => Buffer.concat([le(of.length + 4), of]),
  'a kind and a length': (of) =>
    Buffer.concat([of.subarray(0, 1), le(of.length).reverse(), of.subarray(1), Buffer.of(0)]),
  'a short length and two zeros': (of) => Buffer.concat([Buffer.of(of.length, 0, 0, 0), of]),
  nothing: (of) => of,
}

function le(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(length)
  return bytes
}

for (const [name, framed] of Object.entries(framings)) {
  test(`messages of another protocol make no exchange: before each stands ${name}`, () => {
    const said = fc.record({
      by: fc.constantFrom('client', 'server'),
      bytes: fc
        .array(body, { minLength: 1, maxLength: 3 })
        .map((all) => Buffer.concat(all.map(framed))),
    }) as fc.Arbitrary<Said>
    const port = fc.constantFrom(3306, 5432, 6379, 9042)
    fc.assert(
      fc.property(fc.array(said, { minLength: 1, maxLength: 12 }), port, (all, to) => {
        assert.deepEqual(new Talk({ port: to, before: 5000 }).say(...all).end(), [])
      }),
      { numRuns: 1000 },
    )
  })
}
