import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readRetryDelayMs } from '../../pipeline/exporter/grpc_status.ts'
import { readResponse } from '../../pipeline/exporter/otlp_response.ts'
import { partialSuccess } from '../exporters/otlp/backend.ts'

test('any answer of a backend ends in a value: a success, a partial one, or malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const answer = readResponse(bytes)
      if (answer?.kind === 'partial') assert.ok(answer.rejected >= 0)
      const delayMs = readRetryDelayMs(bytes)
      assert.ok(delayMs === undefined || delayMs >= 0)
    }),
    { numRuns: 5000 },
  )
})

test('a partial success is read as it was written, and is malformed when cut off', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), fc.string({ minLength: 1 }), fc.nat(), (n, text, cut) => {
      const bytes = partialSuccess(n, text)
      const message = Buffer.from(text).toString()
      assert.deepEqual(readResponse(bytes), { kind: 'partial', rejected: n, message })
      const part = readResponse(bytes.subarray(0, 1 + (cut % (bytes.length - 1))))
      assert.equal(part?.kind, 'malformed')
    }),
  )
})
