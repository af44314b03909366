/**
 * What is known of a span in a cache line: of one that waits and of one that is
 * settled alike, so that a row or a child takes its ids from either. Ids are of words, low
 * half first, with a sign: a number beyond 31 bits is an object when it is handed on.
 */
export const RECORD_WORDS = 16

export const SPAN_ID = 0
export const TRACE_ID = 2
export const PARENT_ID = 6
/**
 * What its request's traceparent names or, if FLAG says so, its candidate. Never both: a call with
 * a header has no candidate, and only a call has one.
 */
export const OTHER_TRACE_ID = 8
export const OTHER_SPAN_ID = 12
/** How its parent is found, until it is settled of what is awaited: a LINK_METHOD, and flags. */
export const METHOD = 14

export const METHOD_MASK = 0xff
export const FLAG = {
  candidate: 0x100,
  /** Its parent is its cause, which is as sure as its rows say. */
  cause: 0x200,
  /** Its end did not come, and was made up. */
  unheard: 0x400,
  /** Of a CLIENT's span: it stands for the SERVER's of the same request, too (settled_spans.ts). */
  server: 0x800,
} as const

/** Copies words. A loop, for `copyWithin` and `set` cost more than they copy here. */
export function copyWords(
  to: Int32Array,
  at: number,
  { from, first, count }: { from: Int32Array; first: number; count: number },
): void {
  for (let i = 0; i < count; i++) to[at + i] = from[first + i] as number
}
