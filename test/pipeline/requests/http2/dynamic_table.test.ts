import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DynamicTable } from '../../../../pipeline/requests/http2/dynamic_table.ts'
import { Entry } from '../../../../pipeline/requests/http2/entry.ts'
import { FIELD } from '../../../../pipeline/requests/http2/field_names.ts'
import { Shared } from '../../../../pipeline/requests/shared.ts'

const OVERHEAD = 32

function entryOf(text: string): Entry {
  const entry = new Entry()
  entry.field = FIELD.path
  entry.text = text
  entry.nameBytes = 5
  entry.valueBytes = text.length
  return entry
}

test('a table holds what a list would that drops its oldest entries to its size', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.string({ maxLength: 120 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 3000 }) },
  )
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const shared = new Shared(() => ({ query: 'redact', dnsTimeoutNs: 1e10 }))
      const table = new DynamicTable(shared)
      let list: string[] = []
      let sizeMax = 4096
      const dropTo = (bytes: number) => {
        while (list.reduce((sum, { length }) => sum + length + 5 + OVERHEAD, 0) > bytes) list.pop()
      }
      for (const each of steps) {
        if (typeof each === 'number') {
          sizeMax = each
          table.resize(each)
          dropTo(each)
        } else {
          table.add(entryOf(each))
          const size = each.length + 5 + OVERHEAD
          if (size <= sizeMax) dropTo(sizeMax - size)
          list = size > sizeMax ? [] : [each, ...list]
        }
      }
      const found = list.map((_, age) => table.find(age)?.text)
      assert.deepEqual(found, list)
      assert.equal(table.find(list.length), undefined)
      assert.equal(
        shared.keptBytes,
        list.reduce((sum, { length }) => sum + length + OVERHEAD, 0),
      )
      table.clear()
      assert.equal(shared.keptBytes, 0)
    }),
    { numRuns: 200 },
  )
})
