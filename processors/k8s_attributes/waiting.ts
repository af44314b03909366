/**
 * Rows whose own end nobody knows yet, held a bounded moment: a new pod's first connections are
 * faster than the API's news of its IP.
 *
 * Rows wait by address, in order. They leave when the address becomes known, or when the time of
 * the address's first row is up; an address that waited in vain is not waited for again for a
 * while. All bounds are exact: `held` counts every row inside.
 */
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { AddressMap } from './addresses.ts'

/** How long an address that waited in vain is not waited for again, in ms. */
const VAIN_MS = 60_000
const VAIN_MAX = 16_384

export interface WaitingSettings {
  readonly waitMs: number
  readonly rowsMax: number
  /** Takes rows out: `known` tells whether their address became known. */
  readonly release: (batches: readonly FlowBatch[], known: boolean) => void
}

interface Waiter {
  readonly address: Uint8Array
  readonly deadlineMs: number
  readonly batches: FlowBatch[]
}

export class Waiting {
  readonly #settings: WaitingSettings
  readonly #waiters = new AddressMap<Waiter>()
  /** The same waiters, the earliest deadline first: each waits equally long. */
  readonly #queue = new Set<Waiter>()
  /** Until when an address is not waited for. */
  readonly #vain = new AddressMap<number>()
  #timer: NodeJS.Timeout | undefined
  #held = 0

  constructor(settings: WaitingSettings) {
    this.#settings = settings
  }

  get held(): number {
    return this.#held
  }

  /** Rows that can still be added. */
  get room(): number {
    return this.#settings.rowsMax - this.#held
  }

  /** Whether rows of this address are waiting; later ones must not overtake them. */
  has(bytes: Uint8Array, at: number): boolean {
    return this.#held > 0 && this.#waiters.get(bytes, at) !== undefined
  }

  /** Whether waiting for this address was in vain, not long ago. */
  isVain(bytes: Uint8Array, at: number): boolean {
    const untilMs = this.#vain.get(bytes, at)
    return untilMs !== undefined && performance.now() < untilMs
  }

  /** Holds copies of rows, all with the local address at `bytes[at..at + 16)`. */
  add(source: FlowBatch, rows: readonly number[], of: { bytes: Uint8Array; at: number }): void {
    const batch = new FlowBatch(rows.length)
    batch.appendRows(source, rows)
    this.#held += rows.length
    const known = this.#waiters.get(of.bytes, of.at)
    if (known !== undefined) {
      known.batches.push(batch)
      return
    }
    const address = of.bytes.slice(of.at, of.at + 16)
    const deadlineMs = performance.now() + this.#settings.waitMs
    const waiter: Waiter = { address, deadlineMs, batches: [batch] }
    this.#waiters.set(address, waiter)
    this.#queue.add(waiter)
    this.#schedule()
  }

  /** The address is known now. */
  known(address: Uint8Array): void {
    this.#vain.delete(address)
    const waiter = this.#waiters.get(address)
    if (waiter !== undefined) this.#take(waiter, true)
  }

  /** Lets everything go, known or not. */
  flush(): void {
    for (const waiter of [...this.#queue]) this.#take(waiter, false)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #take(waiter: Waiter, known: boolean): void {
    this.#waiters.delete(waiter.address)
    this.#queue.delete(waiter)
    for (const batch of waiter.batches) this.#held -= batch.rows
    this.#settings.release(waiter.batches, known)
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    const [first] = this.#queue
    if (first === undefined) return
    const ms = Math.max(0, first.deadlineMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#expire()
      this.#schedule()
    }, ms)
  }

  #expire(): void {
    const now = performance.now()
    for (const waiter of [...this.#queue]) {
      if (waiter.deadlineMs > now) return
      if (this.#vain.size >= VAIN_MAX) this.#vain.clear()
      this.#vain.set(waiter.address, now + VAIN_MS)
      this.#take(waiter, false)
    }
  }
}
