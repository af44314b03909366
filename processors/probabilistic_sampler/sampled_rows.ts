/** Flow rows without those of traces that are not kept. Rows that are of no trace stay. */
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { hex32 } from '../../pipeline/u64.ts'
import type { Sampler } from './sampler.ts'

/** The same batch where all rows stay; undefined where none does. */
export function sampleRows(batch: FlowBatch, sampler: Sampler): FlowBatch | undefined {
  const ids = batch.stitch?.trace_id
  if (ids === undefined) return batch
  const rows = new Uint32Array(batch.rows)
  let count = 0
  for (let row = 0; row < batch.rows; row++) {
    if (isKept(ids, row, sampler)) rows[count++] = row
  }
  if (count === batch.rows) return batch
  if (count === 0) return undefined
  const kept = new FlowBatch(count)
  kept.appendRows(batch, rows.subarray(0, count))
  return kept
}

function isKept(ids: Uint32Array, row: number, sampler: Sampler): boolean {
  const at = 4 * row
  const [a, b, c, d] = [ids[at], ids[at + 1], ids[at + 2], ids[at + 3]] as Words
  if ((a | b | c | d) === 0) return true
  const traceId = hex32(d) + hex32(c) + hex32(b) + hex32(a)
  return sampler.decide({ traceId, traceState: '', priority: 'none' }).kept
}

type Words = [number, number, number, number]
