/** What was decided of a span, on its way between the span table and the columns of a row. */
import type { Pin } from './held_rows.ts'
import type { SpanTable } from './span_table.ts'
import * as table from './span_table.ts'

const ALIAS = 0x2545f491

/**
 * A call that is decided on its way has not been seen where it is sent to: its slot has another id,
 * so that nobody takes it for a parent there. Its own inverse.
 */
export function aliased(lo: number, part: Pin['part']): number {
  return part === 'causes' ? lo ^ ALIAS : lo
}

/** What another gateway has decided of the row's span stands here too. */
export function adopt(spans: SpanTable, slot: number, { pin, row }: { pin: Pin; row: number }) {
  const { stitch } = pin
  const copy = (field: number, column: Uint32Array, words: number) =>
    spans.ids.set(column.subarray(row * words, (row + 1) * words), spans.word(slot, field))
  copy(table.TRACE_ID, stitch.trace_id, 4)
  copy(table.PARENT_ID, stitch.parent_span_id, 2)
  copy(table.CANDIDATE_TRACE_ID, stitch.candidate_trace_id, 4)
  copy(table.CANDIDATE_SPAN_ID, stitch.candidate_span_id, 2)
  spans.method[slot] = stitch.link_method[row] as number
  spans.confidence[slot] = stitch.link_confidence[row] as number
}

/** Writes a settled span's ids into a row. */
export function writeIds(spans: SpanTable, slot: number, { pin, row }: { pin: Pin; row: number }) {
  const { stitch } = pin
  const { ids } = spans
  const at = spans.word(slot, 0)
  for (let i = 0; i < 4; i++) {
    stitch.trace_id[row * 4 + i] = ids[at + table.TRACE_ID + i] as number
    stitch.candidate_trace_id[row * 4 + i] = ids[at + table.CANDIDATE_TRACE_ID + i] as number
  }
  stitch.span_id[row * 2] = aliased(ids[at + table.SPAN_ID] as number, pin.part)
  stitch.span_id[row * 2 + 1] = ids[at + table.SPAN_ID + 1] as number
  for (let i = 0; i < 2; i++) {
    stitch.parent_span_id[row * 2 + i] = ids[at + table.PARENT_ID + i] as number
    stitch.candidate_span_id[row * 2 + i] = ids[at + table.CANDIDATE_SPAN_ID + i] as number
  }
  stitch.link_method[row] = spans.method[slot] as number
  stitch.link_confidence[row] = spans.confidence[slot] as number
}
