/** How a span's record gets its ids: from its first row, and from its parent's record. */
import type { Columns } from '../../pipeline/flows/batch.ts'
import { LINK_METHOD } from '../../pipeline/flows/schema.ts'
import { EDGE, hasTraceparent } from './evidence.ts'
import { NONE } from './id_log.ts'
import {
  copyWords,
  FLAG,
  METHOD,
  OTHER_SPAN_ID,
  OTHER_TRACE_ID,
  PARENT_ID,
  SPAN_ID,
  TRACE_ID,
} from './record.ts'

/** Notes what a row's traceparent names: zeros, if it has none. */
export function noteTraceparent(words: Int32Array, at: number, { base, row }: ExchangeRow): void {
  const has = hasTraceparent(base, row)
  const { wire_trace_id: trace, wire_span_id: span } = base
  for (let i = 0; i < 4; i++) {
    words[at + OTHER_TRACE_ID + i] = has ? (trace[row * 4 + i] as number) : 0
  }
  for (let i = 0; i < 2; i++) {
    words[at + OTHER_SPAN_ID + i] = has ? (span[row * 2 + i] as number) : 0
  }
}

/** Whether it names what was noted of another row. */
export function sameTraceparentAs(words: Int32Array, at: number, { base, row }: ExchangeRow) {
  const span = at + OTHER_SPAN_ID
  if (!hasTraceparent(base, row))
    return ((words[span] as number) | (words[span + 1] as number)) === 0
  const { wire_trace_id: trace, wire_span_id: id } = base
  for (let i = 0; i < 2; i++) {
    if (words[span + i] !== ((id[row * 2 + i] as number) | 0)) return false
  }
  for (let i = 0; i < 4; i++) {
    if (words[at + OTHER_TRACE_ID + i] !== ((trace[row * 4 + i] as number) | 0)) return false
  }
  return true
}

interface ExchangeRow {
  readonly base: Columns<'base'>
  readonly row: number
}

/** The settled parent, if there is one, and what it is to become. */
interface Parent {
  readonly edge: number
  readonly parents: Int32Array
  readonly parent: number
}

/** Makes a span's ids final: its parent, if there is one, is settled and has its record there. */
export function decide(words: Int32Array, at: number, { edge, parents, parent }: Parent): void {
  if (parent === NONE) standAlone(words, at)
  else if (edge !== EDGE.forwarder) {
    inherit(words, at, { from: parents, parent, isCandidate: edge === EDGE.candidate })
  } else if (sameTraceparent(words, at, { words: parents, at: parent })) {
    inherit(words, at, { from: parents, parent, isCandidate: false })
  } else standAlone(words, at)
}

/** Makes a span's ids final: its parent is the span that its traceparent names, or it is a root. */
export function standAlone(words: Int32Array, at: number): void {
  const span = at + OTHER_SPAN_ID
  if (((words[span] as number) | (words[span + 1] as number)) === 0) {
    words[at + METHOD] = LINK_METHOD.none
    return
  }
  words[at + METHOD] = LINK_METHOD.header
  copyWords(words, at + TRACE_ID, { from: words, first: at + OTHER_TRACE_ID, count: 4 })
  copyWords(words, at + PARENT_ID, { from: words, first: span, count: 2 })
}

/**
 * What a span has from the settled span that it waited for. Its trace id, so far, is that of the
 * trace that it would begin.
 */
function inherit(
  to: Int32Array,
  at: number,
  { from, parent, isCandidate }: { from: Int32Array; parent: number; isCandidate: boolean },
): void {
  const trace = at + (isCandidate ? OTHER_TRACE_ID : TRACE_ID)
  const span = at + (isCandidate ? OTHER_SPAN_ID : PARENT_ID)
  copyWords(to, trace, { from, first: parent + TRACE_ID, count: 4 })
  copyWords(to, span, { from, first: parent + SPAN_ID, count: 2 })
  if (isCandidate) to[at + METHOD] = LINK_METHOD.none | FLAG.candidate
}

/** Whether the requests of two spans came with one traceparent. */
export function sameTraceparent(
  words: Int32Array,
  at: number,
  other: { words: Int32Array; at: number },
): boolean {
  // The span id's two words follow the four of the trace id.
  for (let i = OTHER_TRACE_ID; i < OTHER_TRACE_ID + 6; i++) {
    if (words[at + i] !== other.words[other.at + i]) return false
  }
  return true
}
