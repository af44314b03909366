/**
 * Times in one word, for entries that are hundreds of thousands: the lower 32 bits of milliseconds.
 * Two that are compared lie less than 24 days apart.
 */
export const APART_MS_MAX = 2 ** 31 - 1

/** Whether one time lies after another. */
export function isAfter(ms: number, thanMs: number): boolean {
  return ((ms - thanMs) | 0) > 0
}
