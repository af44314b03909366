import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { schema } from '../../../processors/stitch/config.ts'
import { Pin } from '../../../processors/stitch/held_rows.ts'
import { Memory } from '../../../processors/stitch/memory.ts'
import { addRow, type Row } from './rows.ts'

const OWNER = { wake: () => {}, made: () => {} }

function pinOf(rows: readonly Row[], capacity = rows.length): Pin {
  const batch = new FlowBatch(capacity)
  for (const row of rows) addRow(batch, row)
  return new Pin(batch, OWNER)
}

const ROW: fc.Arbitrary<Row> = fc.record(
  {
    role: fc.constantFrom('client' as const, 'server' as const),
    flow: fc.nat(6),
    offset: fc.constantFrom(0, 50),
    cause: fc.record({
      flow: fc.nat(6),
      offset: fc.constantFrom(0, 50),
      confidence: fc.constantFrom(0.5, 1),
    }),
    traceparent: fc.constantFrom([1, 1], [2, 2]) as fc.Arbitrary<[number, number]>,
  },
  { requiredKeys: ['role', 'flow', 'offset'] },
)

test('nothing is remembered of closed exchanges once all times are over', () => {
  const steps = fc.array(fc.tuple(fc.array(ROW, { minLength: 1, maxLength: 6 }), fc.nat(4000)), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(steps, (batches) => {
      const memory = new Memory({ ...schema.parse({}), wait: 'always' }, () => {})
      let now = 0
      for (const [rows, pause] of batches) {
        memory.take(pinOf(rows), now)
        now += pause
        memory.tick(now)
      }
      for (let i = 0; i < 10; i++) {
        now += 3000
        memory.tick(now)
      }
      assert.equal(memory.heldRows, 0)
      memory.tick(now + 30_000)
      assert.equal(memory.entries, 0, 'spans that were only waited for are forgotten too')
    }),
    { numRuns: 500 },
  )
})

test('a few rows that wait do not keep a large batch', () => {
  const memory = new Memory(schema.parse({}), () => {})
  const waits = (flow: number): Row => ({
    role: 'client',
    flow: 100 + flow,
    cause: { flow, offset: 0 },
    name: `row ${flow}`,
  })
  const rows = Array.from(
    { length: 40 },
    (_, i): Row => (i % 10 === 3 ? waits(i) : { role: 'server', flow: i }),
  )
  const pin = pinOf(rows, 1000)
  memory.take(pin, 0)
  assert.equal(pin.ready.length, 36)
  assert.equal(memory.heldRows, 4)
  pin.ready = []
  memory.compact(pin)
  assert.equal(pin.batch.capacity, 4)

  const answers = [13, 33].map((flow): Row => ({ role: 'server', flow, name: `answer ${flow}` }))
  memory.take(pinOf(answers), 0)
  const ready = pin.ready.map((row) => pin.batch.text(pin.batch.base.method, row))
  assert.deepEqual(ready.sort(), ['row 13', 'row 33'])
  for (const row of pin.ready) assert.notEqual(pin.stitch.parent_span_id[row * 2], 0)
  pin.ready = []
  memory.compact(pin)
  assert.equal(pin.batch.capacity, 4, 'half of it waits')
  assert.equal(pin.held, 2)
})
