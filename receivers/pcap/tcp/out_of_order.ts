/** Segments that came before the ones they follow, sorted by offset; their bytes are copies. */
export interface Early {
  readonly offset: number
  readonly length: number
  readonly bytes: Buffer
  readonly timeNs: number
}

/** What all directions of all connections may keep, together. */
export class EarlyBudget {
  readonly bytesMax: number
  bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }
}

/** Segments of one direction: a window of a megabyte in segments of 1400 bytes. */
const SEGMENTS_MAX = 750

export class OutOfOrder {
  readonly #budget: EarlyBudget
  #segments: Early[] = []

  constructor(budget: EarlyBudget) {
    this.#budget = budget
  }

  get first(): Early | undefined {
    return this.#segments[0]
  }

  /** Whether all of [offset, offset + length) is kept. */
  has(offset: number, length: number): boolean {
    let from = offset
    for (const segment of this.#segments) {
      if (segment.offset > from) break
      from = Math.max(from, segment.offset + segment.length)
    }
    return from >= offset + length
  }

  /** False when there is no room: the caller gives up what is missing before. */
  keep(segment: Early): boolean {
    const { bytes } = segment
    if (this.#segments.length >= SEGMENTS_MAX) return false
    if (this.#budget.bytes + bytes.length > this.#budget.bytesMax) return false
    this.#budget.bytes += bytes.length
    // Nearly always the last.
    let at = this.#segments.length
    while (at > 0 && (this.#segments[at - 1] as Early).offset > segment.offset) at--
    this.#segments.splice(at, 0, segment)
    return true
  }

  shift(): Early | undefined {
    const segment = this.#segments.shift()
    if (segment !== undefined) this.#budget.bytes -= segment.bytes.length
    return segment
  }

  clear(): void {
    while (this.shift() !== undefined);
  }
}
