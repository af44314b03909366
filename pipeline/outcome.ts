/**
 * What became of the data that was handed to a consumer.
 *
 * Outcomes are values, not exceptions: an exception on the data path is a programmer's error.
 * The three kinds are those the OTLP specification knows for a receiver's answer
 * (opentelemetry-proto docs/specification.md, "Failures").
 */
export type Outcome = Ok | Retryable | Permanent

/** The consumer has taken the data over: it is sent, held, or counted as lost by the consumer. */
export interface Ok {
  readonly kind: 'ok'
}

/** Nothing was taken; the same data may be offered again, not before `afterMs` where given. */
export interface Retryable {
  readonly kind: 'retryable'
  readonly reason: string
  readonly afterMs?: number
  /** The kind of error, one of few, for metrics: `UNAVAILABLE`, `503`, `ECONNREFUSED`. */
  readonly errorType?: string
}

/** Nothing was taken, and offering the same data again is pointless. */
export interface Permanent {
  readonly kind: 'permanent'
  readonly reason: string
  readonly errorType?: string
}

export const OK: Ok = { kind: 'ok' }

export function retryable(reason: string, afterMs?: number): Retryable {
  return afterMs === undefined
    ? { kind: 'retryable', reason }
    : { kind: 'retryable', reason, afterMs }
}

export function permanent(reason: string): Permanent {
  return { kind: 'permanent', reason }
}
