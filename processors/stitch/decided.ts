/** What was decided of a span, on its way between its record and the columns of a row. */
import type { Columns } from '../../pipeline/flows/batch.ts'
import { LINK_METHOD } from '../../pipeline/flows/schema.ts'
import type { Pin } from './held_rows.ts'
import {
  FLAG,
  METHOD,
  METHOD_MASK,
  OTHER_SPAN_ID,
  OTHER_TRACE_ID,
  PARENT_ID,
  SPAN_ID,
  TRACE_ID,
} from './record.ts'

const ALIAS = 0x2545f491

/**
 * A call that is decided on its way has not been seen where it is sent to: its record has another
 * id, so that nobody takes it for a parent there. Its own inverse.
 */
export function aliased(lo: number, part: Pin['part']): number {
  return part === 'causes' ? lo ^ ALIAS : lo
}

/** What another gateway has decided of the row's span stands in the record too. */
export function adopt(words: Int32Array, at: number, { stitch, row }: StitchRow): void {
  const copy = (field: number, column: Uint32Array, count: number) =>
    words.set(column.subarray(row * count, (row + 1) * count), at + field)
  copy(TRACE_ID, stitch.trace_id, 4)
  copy(PARENT_ID, stitch.parent_span_id, 2)
  const method = stitch.link_method[row] as number
  const isCause = method !== LINK_METHOD.none && method !== LINK_METHOD.header
  words[at + METHOD] = method | (isCause ? FLAG.cause : 0)
  const span = stitch.candidate_span_id
  if (((span[row * 2] as number) | (span[row * 2 + 1] as number)) === 0) return
  copy(OTHER_TRACE_ID, stitch.candidate_trace_id, 4)
  copy(OTHER_SPAN_ID, span, 2)
  words[at + METHOD] = method | FLAG.candidate
}

interface StitchRow {
  readonly stitch: Columns<'stitch'>
  readonly row: number
}

/** Writes what was decided of a settled span into a row of it. */
export function writeDecided(
  words: Int32Array,
  at: number,
  { pin: { stitch, batch, part, isBlank }, row }: { pin: Pin; row: number },
): void {
  const { trace_id: trace, span_id: span, parent_span_id: parent } = stitch
  const two = row * 2
  const four = row * 4
  span[two] = aliased(words[at + SPAN_ID] as number, part)
  span[two + 1] = words[at + SPAN_ID + 1] as number
  trace[four] = words[at + TRACE_ID] as number
  trace[four + 1] = words[at + TRACE_ID + 1] as number
  trace[four + 2] = words[at + TRACE_ID + 2] as number
  trace[four + 3] = words[at + TRACE_ID + 3] as number
  parent[two] = words[at + PARENT_ID] as number
  parent[two + 1] = words[at + PARENT_ID + 1] as number
  const flags = words[at + METHOD] as number
  const method = flags & METHOD_MASK
  stitch.link_method[row] = method
  stitch.link_confidence[row] =
    (flags & FLAG.cause) !== 0
      ? (batch.base.cause_confidence[row] as number)
      : method === LINK_METHOD.none
        ? Number.NaN
        : 1
  const has = (flags & FLAG.candidate) !== 0
  if (!has && isBlank) return
  const { candidate_trace_id: candidateTrace, candidate_span_id: candidateSpan } = stitch
  for (let i = 0; i < 4; i++) {
    candidateTrace[four + i] = has ? (words[at + OTHER_TRACE_ID + i] as number) : 0
  }
  for (let i = 0; i < 2; i++) {
    candidateSpan[two + i] = has ? (words[at + OTHER_SPAN_ID + i] as number) : 0
  }
}
