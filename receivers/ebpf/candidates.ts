/** Who of the open requests may be a cause, as far as trace contexts and the order of reading tell. */
import type { Exchange } from './exchanges.ts'

/** With more, none would be believed, and looking at them would cost. */
export const CANDIDATES_MAX = 256

/** Words of Head.trace: the trace id, and with it the parent id. */
export const TRACE_ID_WORDS = 4
export const TRACE_AND_PARENT_WORDS = 6

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

/** Of the same process (a thread id may have been another's), and not known to be of other traces. */
export function possible(exchange: Exchange, candidate: Exchange): boolean {
  if (candidate.pid !== exchange.pid) return false
  const { trace } = exchange
  if (trace === undefined || candidate.trace === undefined) return true
  return same(trace, candidate.trace, TRACE_ID_WORDS)
}

/**
 * The one open request whose trace context is equal in its first words; undefined: none, or more.
 */
export function only(
  trace: Uint32Array,
  open: readonly Exchange[],
  words: number,
): Exchange | undefined {
  if (open.length > CANDIDATES_MAX) return undefined
  let match: Exchange | undefined
  for (const candidate of open) {
    if (candidate.trace === undefined || !same(trace, candidate.trace, words)) continue
    if (match !== undefined) return undefined
    match = candidate
  }
  return match
}

function same(a: Uint32Array, b: Uint32Array, words: number): boolean {
  for (let i = 0; i < words; i++) if (a[i] !== b[i]) return false
  return true
}
