/** What an open request can be for a call: its cause for sure, maybe, or not now. */
import type { Exchange } from './exchange.ts'
import { CAUSE, type CauseState } from './habits.ts'
import type { TraceWords } from './traceparent.ts'

/** With more, none would be believed, and looking at them would cost. */
export const CANDIDATES_MAX = 256

/** Of TraceWords: the trace id, and with it the parent id. */
const TRACE_ID_WORDS = 4
const TRACE_AND_PARENT_WORDS = 6

/**
 * How many of `candidates` may be the cause, and which of them the thread turned to last; of those
 * read before `beforeNs`, if there are any.
 */
export function latest(
  exchange: Exchange,
  candidates: readonly Exchange[],
  beforeNs: number,
): { best: Exchange | undefined; count: number } {
  let best: Exchange | undefined
  let bestIsBefore = false
  let count = 0
  // Beyond the bound the count alone says enough: none will be believed.
  if (candidates.length > CANDIDATES_MAX) return { best: candidates[0], count: candidates.length }
  for (const candidate of candidates) {
    if (!possible(exchange, candidate)) continue
    count++
    const before = candidate.startNs <= beforeNs
    if (best === undefined || (before && !bestIsBefore)) {
      best = candidate
      bestIsBefore = before
    } else if (before === bestIsBefore && candidate.readOrder > best.readOrder) {
      best = candidate
    }
  }
  return { best, count }
}

/** Of the same process (a thread id may have been another's), and of no other trace. */
export function possible(exchange: Exchange, candidate: Exchange): boolean {
  if (candidate.pid !== exchange.pid) return false
  const { trace } = exchange
  if (trace === undefined || candidate.trace === undefined) return true
  return same(trace, candidate.trace, TRACE_ID_WORDS)
}

/** Until something comes or goes on its connections, the process does nothing for it. */
export function waits(request: Exchange, timeNs: number): boolean {
  if (request.responseStartNs > 0) return true
  if (!request.requestDone && !request.truncated) return true
  return request.awaited > 0 && request.awaitsSinceNs <= timeNs
}

export function stateOf(cause: Exchange): CauseState {
  if (cause.awaited > 0) return CAUSE.waiting
  return cause.calls === 0 ? CAUSE.new : CAUSE.resumed
}

/** The one open request that carries the call's trace context, or is alone in its trace. */
export function byHeader(call: Exchange, open: readonly Exchange[]): Exchange | undefined {
  if (call.trace === undefined) return undefined
  return only(call.trace, open, TRACE_AND_PARENT_WORDS) ?? only(call.trace, open, TRACE_ID_WORDS)
}

/** The one open request that asks the process the same: it forwards it. */
export function byQuestion(call: Exchange, open: readonly Exchange[]): Exchange | undefined {
  if (open.length > CANDIDATES_MAX) return undefined
  let match: Exchange | undefined
  for (const candidate of open) {
    if (!candidate.isLookup || candidate.target !== call.target) continue
    if (candidate.method !== call.method) continue
    if (match !== undefined) return undefined
    match = candidate
  }
  return match
}

/**
 * The one open request whose trace context is equal in its first words; undefined: none, or more.
 */
function only(trace: TraceWords, open: readonly Exchange[], words: number): Exchange | undefined {
  if (open.length > CANDIDATES_MAX) return undefined
  let match: Exchange | undefined
  for (const candidate of open) {
    if (candidate.trace === undefined || !same(trace, candidate.trace, words)) continue
    if (match !== undefined) return undefined
    match = candidate
  }
  return match
}

function same(a: TraceWords, b: TraceWords, words: number): boolean {
  for (let i = 0; i < words; i++) if (a[i] !== b[i]) return false
  return true
}
