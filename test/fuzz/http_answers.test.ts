/** Whatever a backend answers over HTTP is an outcome: nothing throws, nothing is without bound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { outcomeOfFailure, readRetryAfter } from '../../pipeline/exporter/http_status.ts'
import { readJsonResponse } from '../../pipeline/exporter/otlp_response.ts'

const types = fc.constantFrom(
  'application/json',
  'application/x-protobuf; a=b',
  'text/html',
  '',
  ';',
)
const json = fc.json({ maxDepth: 4 }).map((text) => new TextEncoder().encode(text))
const bodies = fc.oneof(fc.uint8Array({ maxLength: 200 }), json)

test('any body of a failure gives a reason of bounded length and the kind that its status has', () => {
  const status = fc.integer({ min: 100, max: 599 })
  const after = fc.option(fc.oneof(fc.string(), fc.nat().map(String)), { nil: undefined })
  fc.assert(
    fc.property(status, types, after, bodies, (code, contentType, retryAfter, body) => {
      const response = { status: code, contentType, retryAfter, body }
      const outcome = outcomeOfFailure(response, 'http://backend/v1/traces')
      const isRetried = [429, 502, 503, 504].includes(code)
      assert.equal(outcome.kind, isRetried ? 'retryable' : 'permanent')
      if (outcome.kind === 'retryable' && outcome.afterMs !== undefined) {
        assert.ok(outcome.afterMs >= 0 && Number.isFinite(outcome.afterMs))
      }
      assert.ok((outcome as { reason: string }).reason.length < 1200)
    }),
    { numRuns: 3000 },
  )
})

test('any body of a success is a success, a partial one with a count, or malformed', () => {
  const partial = fc
    .record({ partialSuccess: fc.jsonValue() })
    .map((value) => JSON.stringify(value))
  const shaped = fc
    .record({ rejectedSpans: fc.jsonValue(), errorMessage: fc.jsonValue() })
    .map((partialSuccess) => JSON.stringify({ partialSuccess }))
  const written = fc.oneof(partial, shaped).map((text) => new TextEncoder().encode(text))
  fc.assert(
    fc.property(fc.oneof(bodies, written), (body) => {
      const answer = readJsonResponse(body, 'traces')
      if (answer?.kind !== 'partial') return
      assert.ok(answer.rejected >= 0 && Number.isSafeInteger(answer.rejected))
      assert.equal(typeof answer.message, 'string')
    }),
    { numRuns: 3000 },
  )
})

test('a count that is an object, and cannot be made a number, is none', () => {
  const body = '{"partialSuccess":{"rejectedSpans":{"toString":null},"errorMessage":"no"}}'
  const answer = readJsonResponse(new TextEncoder().encode(body), 'traces')
  assert.deepEqual(answer, { kind: 'partial', rejected: 0, message: 'no' })
})

test('any Retry-After is a delay that is not negative, or none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.date({ noInvalidDate: true }).map(String)), (value) => {
      const ms = readRetryAfter(value, Date.now())
      assert.ok(ms === undefined || (ms >= 0 && Number.isFinite(ms)))
    }),
    { numRuns: 3000 },
  )
  const now = Date.now()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (seconds) => {
      assert.equal(readRetryAfter(String(seconds), now), seconds * 1000)
      const date = new Date(now + seconds * 1000).toUTCString()
      const ms = readRetryAfter(date, now - 1000)
      assert.ok(ms !== undefined && Math.abs(ms - seconds * 1000) <= 2000)
    }),
  )
})
