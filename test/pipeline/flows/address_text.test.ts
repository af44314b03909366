import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressInUrl, addressText } from '../../../pipeline/flows/address_text.ts'

const MAPPED = [...Array(10).fill(0), 0xff, 0xff]

test('IPv4 is dotted', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      const column = Uint8Array.from([...Array(16).fill(9), ...MAPPED, ...bytes])
      assert.equal(addressText(column, 1), bytes.join('.'))
      assert.equal(addressInUrl(column, 1), bytes.join('.'))
    }),
  )
})

test('IPv6 is as the URL standard serialises it', () => {
  // Zeros often, so that runs of all lengths come up.
  const byte = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(255))
  fc.assert(
    fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), (bytes) => {
      const column = Uint8Array.from(bytes)
      fc.pre(!MAPPED.every((value, i) => value === bytes[i]))
      const hex = Buffer.from(column)
        .toString('hex')
        .replaceAll(/(....)(?!$)/g, '$1:')
      assert.equal(addressInUrl(column, 0), new URL(`http://[${hex}]/`).hostname)
      assert.equal(`[${addressText(column, 0)}]`, new URL(`http://[${hex}]/`).hostname)
    }),
    { numRuns: 1000 },
  )
})
