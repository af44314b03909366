import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { commOf } from '../../../pipeline/kernel_events/comm.ts'

/** Enough of them to meet in each place where a name is kept. */
const NAMES = 2000
const BYTES = 16
const utf8 = new TextDecoder()

test('a task has the name that its bytes say, whichever names were read before', () => {
  const comm = fc.oneof(
    fc.constantFrom('', 'nginx', 'nginx: worker', 'kworker/0:1', 'fünfzehn Bytes', 'x'.repeat(15)),
    fc.string({ unit: 'grapheme', maxLength: 15 }),
  )
  fc.assert(
    fc.property(fc.array(comm, { minLength: NAMES, maxLength: NAMES }), (comms) => {
      for (const text of [...comms, ...comms]) {
        const bytes = Buffer.alloc(3 + BYTES)
        // As the kernel cuts it: the last byte is NUL.
        bytes.write(text, 3, BYTES - 1)
        const name = utf8.decode(bytes.subarray(3, bytes.indexOf(0, 3)))
        assert.equal(commOf(new DataView(bytes.buffer, bytes.byteOffset), 3), name)
      }
    }),
    { numRuns: 20 },
  )
})
