/** The bound of a queue: who may enter now, who waits for room, who is turned away. */
import type { Ledger } from '../ledger.ts'
import { OK, type Outcome, permanent, type Retryable, retryable } from '../outcome.ts'
import { NOT_SENT } from './request.ts'

export const QUEUE_FULL: Retryable = retryable('sending queue is full')

/** Others may make room too, where a queue is shared: then somebody has to look. */
const LOOK_MS = 100

interface Waiting {
  readonly size: number
  readonly items: number
  readonly enter: () => void
  readonly refuse: (outcome: Outcome) => void
}

export class Room {
  readonly #capacity: number
  readonly #blocks: boolean
  readonly #size: () => number
  readonly #ledger: Ledger
  /** As many as there are callers upstream, each with one batch. */
  readonly #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(of: { capacity: number; blocks: boolean; size: () => number; ledger: Ledger }) {
    this.#capacity = of.capacity
    this.#blocks = of.blocks
    this.#size = of.size
    this.#ledger = of.ledger
  }

  /** Calls `enter` when there is room, and gives what it gives; or says why there is none. */
  pass(
    { size, items }: { size: number; items: number },
    enter: () => Outcome | Promise<Outcome>,
  ): Outcome | Promise<Outcome> {
    if (this.#isClosed) return this.#refuse('refused_shutdown', { items, outcome: NOT_SENT })
    // An empty request has nothing to deliver (opentelemetry-proto, "Empty Telemetry Envelopes").
    if (size === 0) return this.#ignore(items)
    if (size > this.#capacity) {
      const reason = `element size too large: ${size} of a \`queue_size\` of ${this.#capacity}`
      return this.#refuse('refused_too_large', { items, outcome: permanent(reason) })
    }
    if (this.#waiting.length === 0 && this.#fits(size)) return enter()
    if (!this.#blocks) return this.#refuse('refused_queue_full', { items, outcome: QUEUE_FULL })
    return new Promise((resolve) => {
      this.#waiting.push({ size, items, enter: () => resolve(enter()), refuse: resolve })
      this.#timer ??= setInterval(() => this.freed(), LOOK_MS)
    })
  }

  /** Whether everything would be turned away. */
  get isFull(): boolean {
    return !this.#blocks && this.#size() >= this.#capacity
  }

  /** Something may have left. */
  freed(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!this.#fits(first.size)) return
      this.#waiting.shift()
      first.enter()
    }
    this.#stopLooking()
  }

  /** Nobody enters any more. */
  close(): void {
    this.#isClosed = true
    for (const { items, refuse } of this.#waiting.splice(0)) {
      refuse(this.#refuse('refused_shutdown', { items, outcome: NOT_SENT }))
    }
    this.#stopLooking()
  }

  #fits(size: number): boolean {
    return this.#size() + size <= this.#capacity
  }

  #ignore(items: number): Outcome {
    this.#ledger.used('empty', items)
    return OK
  }

  #refuse(note: string, { items, outcome }: { items: number; outcome: Outcome }): Outcome {
    this.#ledger.note(note, items)
    return outcome
  }

  #stopLooking(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
