/**
 * From the kernel's monotonic clock to the wall clock.
 *
 * The kernel stamps records with CLOCK_MONOTONIC, which process.hrtime() reads too; rows carry
 * wall-clock time. The offset between the two moves when the wall clock is slewed or stepped, so it
 * is taken anew at each drain, and durations never use it.
 *
 * Node reads the wall clock in whole milliseconds only. Each reading says that the offset lies
 * within a window of a millisecond (and of the time the reading took); the estimate is kept inside
 * all windows seen, so after a few readings it is some microseconds exact, and rows of one drain
 * and the next do not jump.
 */

const MS = 1_000_000n
const MASK = 0xffff_ffffn
/** NTP slews by at most 0.5 ms a second: a correction larger than this is a step. */
const STEP_NS = 5n * MS

export interface ClockSources {
  /** CLOCK_MONOTONIC in nanoseconds. */
  monotonicNs(): bigint
  /** CLOCK_REALTIME in milliseconds, rounded down. */
  wallMs(): number
}

const SYSTEM: ClockSources = {
  monotonicNs: () => process.hrtime.bigint(),
  wallMs: () => Date.now(),
}

export class WallClock {
  /** Nanoseconds to add to a monotonic time, as halves, low first: for `add` of pipeline/u64.ts. */
  readonly offset: [number, number] = [0, 0]
  readonly #sources: ClockSources
  #offsetNs: bigint | undefined

  constructor(sources: ClockSources = SYSTEM) {
    this.#sources = sources
    this.update()
  }

  /** Reads both clocks. Returns by how many milliseconds the wall clock was stepped, mostly 0. */
  update(): number {
    const before = this.#sources.monotonicNs()
    const wallNs = BigInt(this.#sources.wallMs()) * MS
    const after = this.#sources.monotonicNs()
    const least = wallNs - after
    const most = wallNs + MS - before
    const known = this.#offsetNs
    if (known !== undefined && known >= least && known <= most) return 0
    const offset = known === undefined || known < least ? least : most
    this.#offsetNs = offset
    this.offset[0] = Number(offset & MASK)
    this.offset[1] = Number((offset >> 32n) & MASK)
    if (known === undefined) return 0
    const change = offset - known
    return change > STEP_NS || change < -STEP_NS ? Number(change / MS) : 0
  }
}
