/** Rows of flows: divided as log records, by their flow or by the flow of their cause. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { divide, type Part } from '../../../exporters/load_balancing/division.ts'
import { divisionBy } from '../../../exporters/load_balancing/keys.ts'
import { Rendezvous } from '../../../exporters/load_balancing/rendezvous.ts'
import { decodeFlows } from '../../../pipeline/flows/otlp/decode.ts'
import { FlowsEncoder } from '../../../pipeline/flows/otlp/encode.ts'
import { batchOf, type Row } from '../../processors/stitch/rows.ts'
import { descending, requestType } from '../../proto/otlp.ts'

const OWNERS = new Rendezvous(['a', 'b', 'c'])

/** For each owner, the rows by name. */
function divided(rows: readonly Row[], key: 'flow_id' | 'cause', turned = false): string[][] {
  const batch = new FlowsEncoder('0').encode(batchOf(rows))
  const bytes = turned ? descending(requestType('logs'), batch.bytes) : batch.bytes
  const parts = divide({ ...batch, bytes }, divisionBy(key, { signal: 'logs', owners: OWNERS }))
  const names: string[][] = [[], [], []]
  for (const { owner, batch: part } of parts as readonly Part[]) {
    const { batch: flows } = decodeFlows(part.bytes, part.items)
    assert.equal(flows.rows, part.items)
    for (let row = 0; row < flows.rows; row++) {
      names[owner]?.push(flows.text(flows.base.method, row))
    }
  }
  return names
}

const FLOWS = Array.from({ length: 60 }, (_, i) => i + 1)
const both = (flow: number): Row[] => [
  { role: 'client', flow, name: `${flow}` },
  { role: 'server', flow, name: `${flow}` },
]

test('both ends of a flow have one owner, and owners have about the same', () => {
  const names = divided(FLOWS.flatMap(both), 'flow_id')
  for (const flow of FLOWS) {
    const counts = names.map((of) => of.filter((name) => name === `${flow}`).length)
    assert.deepEqual(counts.sort(), [0, 0, 2])
  }
  for (const of of names) assert(of.length > 20, `${of.length} of 120`)
})

test('by its cause a call has the owner of the flow that caused it, and all else its own', () => {
  const rows = FLOWS.flatMap((flow): Row[] => [
    { role: 'server', flow, name: `${flow}` },
    { role: 'client', flow: 1000 + flow, name: `${flow}`, cause: { flow, offset: 0 } },
  ])
  const names = divided(rows, 'cause')
  for (const flow of FLOWS) {
    const counts = names.map((of) => of.filter((name) => name === `${flow}`).length)
    assert.deepEqual(counts.sort(), [0, 0, 2], 'the call stands with its cause')
  }
  assert.deepEqual(divided(rows, 'cause', true), names, 'in whatever order fields are written')
})
