/**
 * The bytes of requests that a receiver holds: read and not yet answered. What does not fit is
 * refused, to be sent again, instead of letting memory grow with the number of senders.
 */
export class InFlight {
  readonly maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether so many more bytes may be held; they are, then, until they are given back. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.maxBytes) return false
    this.#bytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}
