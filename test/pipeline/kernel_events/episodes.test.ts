/** Episodes from records, byte for byte as the kernel writes them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { EPISODE_KIND, STATE } from '../../../pipeline/flows/schema.ts'
import { Episodes } from '../../../pipeline/kernel_events/episodes/episodes.ts'
import { EyeRecord } from '../../../pipeline/kernel_events/events.gen.ts'
import { Identities } from '../../../pipeline/kernel_events/identities.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { RowWriter } from '../../../pipeline/requests/rows.ts'

const MS = 1_000_000
const CONFIG = { loss: 0.02, end_after: 1000 }

function stage() {
  const ledger = new Ledger(pino({ enabled: false }))
  const clock = { offset: [0, 0] as [number, number] }
  const rows = new RowWriter({ rowsMax: 65_536, clock, lossEpoch: () => 0, full: () => {} })
  const episodes = new Episodes(CONFIG, { ledger, rows, identities: new Identities() })
  return { ledger, rows, episodes }
}

function sign(kind: number, timeMs: number, { edge = 1, flow = 1, leastUs = 20_000 } = {}) {
  const view = new DataView(new ArrayBuffer(EyeRecord.size))
  view.setUint8(EyeRecord.sign, kind)
  view.setUint32(EyeRecord.edge_id, edge, true)
  view.setUint32(EyeRecord.flow_id, flow, true)
  view.setBigUint64(EyeRecord.time_ns, BigInt(timeMs * MS), true)
  view.setBigUint64(EyeRecord.since_ns, BigInt((timeMs - 60) * MS), true)
  view.setUint32(EyeRecord.least_us, leastUs, true)
  return view
}

test('a delay begins with its first sign, names its flows, and ends with its last', () => {
  const { ledger, rows, episodes } = stage()
  assert.equal(episodes.record(sign(EPISODE_KIND.delay, 1000), 0), true)
  const more = sign(EPISODE_KIND.delay, 1100, { flow: 2, leastUs: 30_000 })
  assert.equal(episodes.record(more, 0), false)
  assert.equal(episodes.sweep(2000 * MS), false)
  assert.equal(episodes.sweep(2200 * MS), true)
  const { base } = rows.batch
  assert.deepEqual([...base.state.subarray(0, rows.rows)], [STATE.open, STATE.closed])
  assert.deepEqual([base.worst_us[1], base.flows[1]], [30_000, 2])
  assert.deepEqual([base.start[0], base.end[0], base.end[2]], [940 * MS, 0, 1100 * MS])
  assert.equal(base.episode_id[0], base.episode_id[2])
  assert.deepEqual([ledger.in, ledger.entry().used.signs], [2, 2])
})

test('one window of jitter is none; two are, of the same edge and soon after another', () => {
  const { episodes } = stage()
  assert.equal(episodes.record(sign(EPISODE_KIND.jitter, 1000), 0), false)
  assert.equal(episodes.record(sign(EPISODE_KIND.jitter, 1050, { edge: 2 }), 0), false)
  assert.equal(episodes.record(sign(EPISODE_KIND.jitter, 1200), 0), false)
  assert.equal(episodes.record(sign(EPISODE_KIND.jitter, 1260), 0), true)
})

test('SYNs without an answer are an episode of their own, beside one of loss', () => {
  const { rows, episodes } = stage()
  const record = (kind: number, timeMs: number, segments: number, losses: number) => {
    const view = sign(kind, timeMs)
    view.setBigUint64(EyeRecord.segs_out, BigInt(segments), true)
    view.setBigUint64(EyeRecord.losses, BigInt(losses), true)
    return episodes.record(view, 0)
  }
  const { loss, unanswered } = EPISODE_KIND
  assert.equal(record(loss, 1000, 1000, 0), false)
  assert.equal(record(unanswered, 1000, 10, 1), false)
  assert.equal(record(loss, 1001, 2000, 1), false)
  assert.equal(record(unanswered, 1001, 20, 4), true)
  assert.equal(record(loss, 1002, 2010, 4), true)
  const { episode_kind, worst_loss } = rows.batch.base
  assert.deepEqual([...episode_kind.subarray(0, rows.rows)], [unanswered, loss])
  assert.deepEqual([...worst_loss.subarray(0, rows.rows)], [0.3, 0.3])
})

test('any bytes make rows that add up', () => {
  const bytes = fc.uint8Array({ minLength: EyeRecord.size, maxLength: EyeRecord.size })
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 40 }), (records) => {
      const { ledger, rows, episodes } = stage()
      for (const record of records) episodes.record(new DataView(record.buffer), 0)
      episodes.stop()
      assert.equal(ledger.in, rows.rows)
      assert.ok(episodes.size <= records.length)
    }),
  )
})
