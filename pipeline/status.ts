/**
 * How a component is doing: the Collector's component status, whose rules of change are in
 * `status_machine` there. A component reports `ok`, `recoverable_error`, `permanent_error` and
 * `fatal_error`; the service itself reports the rest around `start` and `shutdown`.
 */
export const STATUSES = [
  'none',
  'starting',
  'ok',
  'recoverable_error',
  'permanent_error',
  'fatal_error',
  'stopping',
  'stopped',
] as const
export type Status = (typeof STATUSES)[number]

/** What a component says of itself. */
export type Report =
  | { readonly status: 'ok' }
  | { readonly status: 'recoverable_error' | 'permanent_error'; readonly reason: string }

/** A status with its reason and since when it is so. */
export interface StatusEvent {
  readonly status: Status
  readonly reason?: string
  /** Milliseconds since the epoch. */
  readonly at: number
}
