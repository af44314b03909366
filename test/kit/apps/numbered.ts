/** What is known of request N before it is made: rows that say anything else are of another one. */

/** None of them is without a body. */
const STATUSES = [200, 201, 202, 203, 400, 404, 409, 418, 500, 503] as const
const BYTES_MAX = 3000
const SLOW_EVERY = 7

export function statusOf(id: number): number {
  return STATUSES[id % STATUSES.length] as number
}

/** Of the body. */
export function bytesOf(id: number): number {
  return (id * 7919) % BYTES_MAX
}

/** How long the server takes at least. */
export function delayMsOf(id: number): number {
  return id % SLOW_EVERY === 0 ? 4 : 0
}

/** One request as its client knows it; times are of the wall clock, in milliseconds. */
export interface Asked {
  readonly id: number
  readonly port: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly startMs: number
  readonly endMs: number
}

/** A connection as its client knows it. */
export interface Made {
  readonly port: number
  readonly requests: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

export interface Log {
  readonly asked: readonly Asked[]
  readonly made: readonly Made[]
}
