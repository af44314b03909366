/** The table of connections against a Map of them, whatever is added, looked for, deleted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ConnectionTable,
  connId,
  KernelConnection,
} from '../../../pipeline/kernel_events/connections.ts'
import { ConnRecord } from '../../../pipeline/kernel_events/events.gen.ts'

/** Ids that meet in one place of the array before the table, on one CPU and on another. */
const IDS: fc.Arbitrary<readonly [lo: number, hi: number]> = fc.tuple(
  fc.constantFrom(1, 2, 1 + 8192, 2 + 8192, 1 + 16_384, 0xffff_e001, 0xffff_ffff),
  fc.constantFrom(0, 1, 1 << 16, (4096 << 16) + 1),
)
const STEP = fc.record({ does: fc.constantFrom('add', 'find', 'delete', 'resize'), id: IDS })
const MAX = 6

function connectionOf([lo, hi]: readonly [lo: number, hi: number]): KernelConnection {
  const view = new DataView(new ArrayBuffer(ConnRecord.size))
  view.setUint32(ConnRecord.conn_id, lo, true)
  view.setUint32(ConnRecord.conn_id + 4, hi, true)
  return new KernelConnection(view, 0)
}

function idOf([lo, hi]: readonly [lo: number, hi: number]): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setUint32(0, lo, true)
  view.setUint32(4, hi, true)
  return connId(view, 0)
}

test('a connection is found by its id from when it is added until it is deleted or evicted', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 200 }), (steps) => {
      const table = new ConnectionTable(MAX)
      const model = new Map<number, KernelConnection>()
      for (const { does, id } of steps) {
        const known = model.get(idOf(id))
        if (does === 'add') {
          const added = connectionOf(id)
          const evicted = table.add(added)
          if (evicted !== undefined) assert.ok(model.delete(evicted.id))
          model.set(added.id, added)
        } else if (does === 'delete' && known !== undefined) {
          table.delete(known)
          model.delete(known.id)
        } else if (does === 'resize') {
          for (const evicted of table.resize(MAX / 2)) assert.ok(model.delete(evicted.id))
          table.resize(MAX)
        }
        assert.equal(table.find(...id), model.get(idOf(id)))
        assert.equal(table.get(idOf(id)), model.get(idOf(id)))
        assert.equal(table.size, model.size)
      }
    }),
  )
})
