import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../../processors/k8s_attributes/addresses.ts'

/** The bytes by way of the URL parser's canonical form: eight groups, the longest zeros as "::". */
function oracle(text: string): Uint8Array {
  const host = new URL(`http://[${isIP(text) === 4 ? `::ffff:${text}` : text}]`).hostname
  const [left = '', right] = host.slice(1, -1).split('::')
  const a = left === '' ? [] : left.split(':')
  const b = right === undefined || right === '' ? [] : right.split(':')
  const words = [...a, ...Array.from({ length: 8 - a.length - b.length }, () => '0'), ...b]
  return Uint8Array.from(
    words.flatMap((w) => [Number.parseInt(w, 16) >> 8, Number.parseInt(w, 16) & 255]),
  )
}

test('`parseAddress` reads every address as the URL parser does', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      assert.deepEqual(parseAddress(text), oracle(text), text)
    }),
    { numRuns: 3000 },
  )
})

test('`parseAddress` answers undefined for every other text', () => {
  const near = fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%/'.split('')) })
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      const address = parseAddress(text)
      assert.equal(address !== undefined, isIP(text) !== 0 && !text.includes('%'), text)
    }),
    { numRuns: 3000 },
  )
})
