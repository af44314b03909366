import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { indexOfLf, indexOfNoText, Name, viewOf } from '../../../pipeline/requests/bytes.ts'

/** Those about which words of four bytes may err: what is looked for, one more, one less. */
const byte = fc.oneof(
  fc.constantFrom(0, 9, 10, 11, 13, 0x1f, 0x20, 0x21, 0x7e, 0x7f, 0x80, 0x8a, 0xff),
  fc.nat(255),
)

interface Part {
  readonly bytes: Buffer
  readonly at: number
  readonly to: number
}

const part: fc.Arbitrary<Part> = fc
  .record({ bytes: fc.array(byte, { maxLength: 40 }), before: fc.nat(8), after: fc.nat(8) })
  .map(({ bytes, before, after }) => {
    const all = [...Array(before).fill(10), ...bytes, ...Array(after).fill(10)]
    return { bytes: Buffer.from(all), at: before, to: before + bytes.length }
  })

/** The first byte of the part that is such, or `to`. */
function first({ bytes, at, to }: Part, is: (byte: number) => boolean): number {
  for (let i = at; i < to; i++) if (is(bytes[i] as number)) return i
  return to
}

test('the first LF is found by words as by bytes', () => {
  fc.assert(
    fc.property(part, (of) => {
      const found = first(of, (each) => each === 10)
      assert.equal(indexOfLf(viewOf(of.bytes), of.at, of.to), found === of.to ? -1 : found)
    }),
    { numRuns: 2000 },
  )
})

test('the end of a text is found by words as by bytes', () => {
  fc.assert(
    fc.property(part, (of) => {
      const found = first(of, (each) => each <= 0x20 || each === 0x7f)
      assert.equal(indexOfNoText(viewOf(of.bytes), of.at, of.to), found)
    }),
    { numRuns: 2000 },
  )
})

test('a name is told from all that differs from it in one byte by more than its case', () => {
  for (const text of ['host', 'expect', 'traceparent', 'content-length', 'transfer-encoding']) {
    const name = new Name(text)
    for (let at = 0; at < text.length; at++) {
      for (let value = 0; value < 256; value++) {
        const bytes = Buffer.from(text)
        bytes[at] = value
        const isSame = String.fromCharCode(value).toLowerCase() === text[at]
        assert.equal(name.isAt(viewOf(bytes), 0), isSame, JSON.stringify(bytes.toString('latin1')))
      }
    }
  }
})
