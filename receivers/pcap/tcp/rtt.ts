/**
 * Round-trip times of one direction, as far as the capture point sees them: from a segment passing
 * by to its acknowledgement passing back. Smoothed as TCP does (RFC 6298 §2); a sequence that was
 * sent twice gives no sample (Karn's algorithm).
 */
export class RoundTrip {
  /** Microseconds; 0 before the first sample. */
  smoothedUs = 0
  variationUs = 0
  leastUs = 0
  /** The stream offset whose acknowledgement is waited for; -1: none. */
  #until = -1
  #sinceNs = 0

  sent(end: number, timeNs: number): void {
    if (this.#until >= 0) return
    this.#until = end
    this.#sinceNs = timeNs
  }

  /** Something of what is waited for may have been sent again. */
  repeated(): void {
    this.#until = -1
  }

  acknowledged(offset: number, timeNs: number): void {
    if (this.#until < 0 || offset < this.#until) return
    this.#until = -1
    // Two packets of one microsecond are not 0, which is "not known", apart.
    this.#sample(Math.max((timeNs - this.#sinceNs) / 1000, 1))
  }

  #sample(us: number): void {
    if (this.smoothedUs === 0) {
      this.smoothedUs = us
      this.variationUs = us / 2
      this.leastUs = us
      return
    }
    this.variationUs += (Math.abs(this.smoothedUs - us) - this.variationUs) / 4
    this.smoothedUs += (us - this.smoothedUs) / 8
    this.leastUs = Math.min(this.leastUs, us)
  }
}
