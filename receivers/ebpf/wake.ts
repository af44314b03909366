/** Has the rings looked at soon after the kernel's programs gave a sign of an episode. */

import { COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import type { Counters } from './counters.ts'

/** A quarter of what the test of 200 ms leaves; a reading costs less than the timer's wake. */
const INTERVAL_MS = 25

/** Calls `look` until the function that it answers with is called. */
export function wakeBySigns(counters: Counters, look: () => void): () => void {
  let seen = counters.read(COUNTER.COUNTER_EYE_EVENTS)
  const timer = setInterval(() => {
    const events = counters.read(COUNTER.COUNTER_EYE_EVENTS)
    if (events === seen) return
    seen = events
    look()
  }, INTERVAL_MS)
  return () => clearInterval(timer)
}
