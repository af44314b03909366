import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { flowLog } from '../../pipeline/flows/json.ts'
import { decodeFlows } from '../../pipeline/flows/otlp/decode.ts'
import { FlowsEncoder } from '../../pipeline/flows/otlp/encode.ts'
import { surveyRecords, withoutFlowScopes } from '../../pipeline/flows/otlp/flow_scopes.ts'
import { RECORD_COLUMNS, RESOURCE_COLUMNS } from '../../pipeline/flows/otlp/mapping.ts'
import { checkRequest } from '../../pipeline/otlp/check.ts'
import { allCells } from '../pipeline/flows/otlp/rows.ts'
import { exchangeRows } from '../pipeline/flows/otlp/sample.ts'
import { arbitraryMessage, withWholeIds } from '../proto/arbitrary.ts'
import { encode, messageType } from '../proto/otlp.ts'

const encoder = new FlowsEncoder('1')

/** Reads the rows, if the bytes are a request, and what they become when they are sent on. */
function pass(bytes: Uint8Array): number {
  const items = checkRequest('logs', bytes)
  if (typeof items !== 'number') return 0
  const survey = surveyRecords(bytes)
  assert.equal(survey.flows + survey.others, items)
  const rest = withoutFlowScopes(bytes)
  assert.equal(checkRequest('logs', rest), survey.others)
  assert.deepEqual(surveyRecords(rest), { flows: 0, others: survey.others })
  const { batch, rejected } = decodeFlows(bytes, survey.flows)
  assert.equal(batch.rows + rejected, survey.flows)
  const rows = allCells(batch)
  const line = flowLog(batch)
  for (let row = 0; row < batch.rows; row++) JSON.parse(line(row))
  const again = encoder.encode(batch)
  assert.equal(checkRequest('logs', again.bytes), batch.rows)
  const second = decodeFlows(again.bytes, batch.rows)
  assert.equal(second.rejected, 0)
  assert.equal(second.batch.rows, rows.length)
  assert.deepEqual(encoder.encode(second.batch).bytes, again.bytes)
  return batch.rows
}

const value = arbitraryMessage(messageType('common.v1.AnyValue'), 10)
const known = fc.constantFrom(...RECORD_COLUMNS.map(({ key }) => key), 'flowspan.not_known')
const ofResource = fc.constantFrom(...RESOURCE_COLUMNS.map(({ key }) => key), 'service.name')
const text = fc.constantFrom(
  'connect_us',
  'connect_us x',
  '10.0.0.1',
  '1.2.3.4.5',
  '::1',
  'client',
  '',
)
const anyValue = fc.oneof(
  value,
  text.map((stringValue) => ({ stringValue })),
)

function attributes(key: fc.Arbitrary<string>) {
  return fc.array(
    fc.record({ key: fc.oneof({ weight: 4, arbitrary: key }, fc.string()), value: anyValue }),
  )
}

const request = fc
  .tuple(
    attributes(ofResource),
    fc.array(
      fc.tuple(
        fc.constantFrom('flowspan.flows', 'flowspan.flows', 'other'),
        fc.array(
          fc.tuple(
            arbitraryMessage(messageType('logs.v1.LogRecord'), 11),
            attributes(known),
            fc.constantFrom('flowspan.exchange', 'flowspan.connection', 'other', ''),
          ),
          { maxLength: 4 },
        ),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([resource, scopes]) => ({
    resourceLogs: [
      {
        resource: { attributes: resource },
        scopeLogs: scopes.map(([name, records]) => ({
          scope: { name },
          logRecords: records.map(([fields, pairs, eventName]) => ({
            ...fields,
            eventName,
            attributes: [
              { key: 'flowspan.state', value: { stringValue: 'closed' } },
              { key: 'flowspan.role', value: { stringValue: 'client' } },
              ...pairs,
            ],
          })),
        })),
      },
    ],
  }))

test('log records of any content are rows or rejected, and rows are the same sent on', () => {
  let rows = 0
  fc.assert(
    fc.property(request, (plain) => {
      rows += pass(encode('logs', withWholeIds(plain) as Record<string, unknown>).bytes)
    }),
    { numRuns: 1000 },
  )
  assert.ok(rows > 100, `${rows} rows`)
})

test('requests with bytes changed, cut out or put in are read, or malformed', () => {
  const { bytes } = encoder.encode(exchangeRows(3))
  const change = fc.record({
    at: fc.nat(bytes.length - 1),
    cut: fc.nat(3),
    put: fc.uint8Array({ maxLength: 3 }),
  })
  let rows = 0
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let hostile = Buffer.from(bytes)
      for (const { at, cut, put } of changes) {
        hostile = Buffer.concat([hostile.subarray(0, at), put, hostile.subarray(at + cut)])
      }
      rows += pass(hostile)
    }),
    { numRuns: 3000 },
  )
  assert.ok(rows > 100, `${rows} rows`)
})

test('values that are changed in place are read into rows that can be sent on', () => {
  const { bytes } = encoder.encode(exchangeRows(2))
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const hostile = Uint8Array.from(bytes)
      for (const [at, byte] of changes) hostile[at] = byte
      pass(hostile)
    }),
    { numRuns: 3000 },
  )
})
