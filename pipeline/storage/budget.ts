/**
 * The disk that the logs of one directory may take, together.
 *
 *     0 ───────────────── data ─────────────────┤ reserve ├ max
 *
 * The last part is for what makes room again: `done` records, and survivors that are moved.
 */

export interface Limits {
  /** Of all segment files in the directory. */
  readonly maxBytes: number
  /** A segment is closed when the next record would make it larger. */
  readonly segmentBytes: number
  /** Whether an append waits until the disk has it. */
  readonly fsync: boolean
}

export class Budget {
  limits: Limits
  used = 0
  /** Each gives up what it can spare, and tells whether that was anything. */
  readonly reclaimers = new Set<() => boolean>()

  constructor(limits: Limits) {
    this.limits = limits
  }

  get reserve(): number {
    return Math.min(this.limits.segmentBytes, Math.floor(this.limits.maxBytes / 4))
  }

  get fullReason(): string {
    const { maxBytes } = this.limits
    return (
      `the storage is full: ${this.used} of ${maxBytes} bytes (max_size_mib) are used, ` +
      `and ${this.reserve} are kept to make room with`
    )
  }

  /** The largest record that an empty log would take. */
  get recordBytesMax(): number {
    return this.limits.maxBytes - this.reserve
  }

  /** Whether data of so many bytes may be written, after making room if that is possible. */
  hasRoomFor(bytes: number): boolean {
    const fits = () => this.used + bytes <= this.limits.maxBytes - this.reserve
    while (!fits()) if (!this.reclaim()) return false
    return true
  }

  /** The same for `done` records. Half of the reserve is left for survivors. */
  hasRoomForDone(bytes: number): boolean {
    while (this.used + bytes > this.limits.maxBytes - this.reserve / 2) if (!this.reclaim()) break
    return this.hasReserveFor(bytes)
  }

  /** The same for what makes room. */
  hasReserveFor(bytes: number): boolean {
    return this.used + bytes <= this.limits.maxBytes
  }

  reclaim(): boolean {
    let any = false
    for (const reclaim of this.reclaimers) any = reclaim() || any
    return any
  }
}
