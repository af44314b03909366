import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { decodeFlows } from '../../../../pipeline/flows/otlp/decode.ts'
import { FlowsEncoder } from '../../../../pipeline/flows/otlp/encode.ts'
import { checkRequest } from '../../../../pipeline/otlp/check.ts'
import { fromJson } from '../../../../pipeline/otlp/from_json.ts'
import { toJson } from '../../../../pipeline/otlp/json.ts'
import { descending, requestType } from '../../../proto/otlp.ts'
import type { Cells } from '../cells.ts'
import { allCells, BATCH } from './rows.ts'

const encoder = new FlowsEncoder('1.2.3')

function read(bytes: Uint8Array): FlowBatch {
  const items = checkRequest('logs', bytes)
  assert.ok(typeof items === 'number')
  const { batch, rejected, reason } = decodeFlows(bytes, items)
  assert.equal(rejected, 0, reason)
  return batch
}

/** Rows of different resources change places among each other, not within one. */
function sorted(rows: Cells[]): Cells[] {
  const names = ['boot_id', 'host_id', 'host_name', 'host_node', 'agent_id']
  const keys = [...names.map((name) => `origin.${name}`), 'carried.resource_attributes']
  const key = (row: Cells) => JSON.stringify(keys.map((name) => row[name]))
  return Object.values(Object.groupBy(rows, key)).flatMap((group) => group ?? [])
}

test('a batch comes back with every value of every column as it was', () => {
  fc.assert(
    fc.property(BATCH, (batch) => {
      const before = allCells(batch)
      const request = encoder.encode(batch)
      assert.equal(request.items, batch.rows)
      assert.deepEqual(allCells(read(request.bytes)), sorted(before))
      assert.deepEqual(allCells(batch), before)
    }),
    { numRuns: 500 },
  )
})

test('the bytes are those of the reference encoder, and have the fields in their order', () => {
  const type = requestType('logs')
  fc.assert(
    fc.property(BATCH, (batch) => {
      const { bytes } = encoder.encode(batch)
      fc.pre(!batch.has('carried'))
      assert.deepEqual(Uint8Array.from(type.encode(type.decode(bytes)).finish()), bytes)
    }),
    { numRuns: 200 },
  )
})

test('fields from the last to the first, as a Collector writes them, are the same rows', () => {
  fc.assert(
    fc.property(BATCH, (batch) => {
      fc.pre(!batch.has('carried'))
      const { bytes } = encoder.encode(batch)
      const rows = allCells(read(descending(requestType('logs'), bytes)))
      assert.deepEqual(rows, sorted(allCells(batch)))
    }),
    { numRuns: 200 },
  )
})

test('rows come back from OTLP/JSON too', () => {
  fc.assert(
    fc.property(BATCH, (batch) => {
      const json = toJson('logs', encoder.encode(batch).bytes)
      assert.ok(typeof json === 'string')
      const bytes = fromJson('logs', Buffer.from(json))
      assert.ok(bytes instanceof Uint8Array)
      assert.deepEqual(allCells(read(bytes)), sorted(allCells(batch)))
    }),
    { numRuns: 200 },
  )
})

test('what is written again is the same bytes', () => {
  fc.assert(
    fc.property(BATCH, (batch) => {
      const { bytes } = encoder.encode(batch)
      assert.deepEqual(encoder.encode(read(bytes)).bytes, bytes)
    }),
    { numRuns: 300 },
  )
})
