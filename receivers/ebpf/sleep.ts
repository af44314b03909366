/**
 * On a host where nothing happens the receiver does not look by the clock: a wake costs a process
 * of Node 150 µs, for nothing. The kernel is told, and wakes it for the next record
 * (bpf/wake.bpf.h).
 *
 *     awake ── nothing there ──▶ dozing ── nothing there ──▶ asleep
 *       ▲                           │                          │
 *       └───────────────────────────┴──── there is something ──┘
 *
 * Who dozes has told the kernel and wakes by the clock once more: a program may have read the word
 * just before it was written.
 */
import type { OpenBooked } from './booked.ts'

export class Sleep {
  readonly #booked: Pick<OpenBooked, 'isAsleep'>
  #state: 'awake' | 'dozing' | 'asleep' = 'awake'

  constructor(booked: Pick<OpenBooked, 'isAsleep'>) {
    this.#booked = booked
    booked.isAsleep = false
  }

  /** There is something; or the clock matters. */
  wake(): void {
    if (this.#state === 'awake') return
    this.#state = 'awake'
    this.#booked.isAsleep = false
  }

  /** Nothing is there. True: whatever comes next will wake. */
  fallAsleep(): boolean {
    if (this.#state === 'awake' || this.isCalled) {
      this.#state = 'dozing'
      this.#booked.isAsleep = true
      return false
    }
    this.#state = 'asleep'
    return true
  }

  /** The kernel has woken it for the first record. */
  get isCalled(): boolean {
    return this.#state !== 'awake' && !this.#booked.isAsleep
  }
}
