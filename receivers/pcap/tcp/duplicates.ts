/**
 * Packets that the capture saw more than once: on a pod's veth, on the bridge and on the card, or
 * within a tunnel and outside of it. They are one packet, and not sent again: Linux gives a segment
 * that it sends again a new identification (IPv4), and nearly always a new timestamp.
 */
import type { Segment } from '../wire/segment.ts'

/** So many packets of one direction are between two sights of the same, at most. */
const REMEMBERED = 32
const FIELDS = 7
/** Two sights of a packet are apart by its way through one machine. */
const APART_NS = 50_000_000
/** Without an identification only sights this near, at another place, are believed the same. */
const APART_UNIDENTIFIED_NS = 1_000_000

export class Duplicates {
  /** A ring of what was seen: identification, sequence, acknowledgement, length, flags, … */
  readonly #remembered: number
  readonly #seen: Float64Array
  #next = 0

  constructor(remembered = REMEMBERED) {
    this.#remembered = remembered
    this.#seen = new Float64Array(remembered * FIELDS).fill(-2)
  }

  /** Whether this is a second sight; remembers it otherwise. */
  isDuplicate(segment: Segment): boolean {
    for (let i = 0; i < this.#remembered; i++) if (this.#isSame(segment, i * FIELDS)) return true
    const at = this.#next * FIELDS
    this.#next = (this.#next + 1) % this.#remembered
    const seen = this.#seen
    seen[at] = segment.identification
    seen[at + 1] = segment.sequence
    seen[at + 2] = segment.acknowledgement
    seen[at + 3] = segment.length * 256 + segment.flags
    seen[at + 4] = segment.timestamp
    seen[at + 5] = segment.timeNs
    seen[at + 6] = placeOf(segment)
    return false
  }

  #isSame(segment: Segment, at: number): boolean {
    const seen = this.#seen
    if (
      seen[at + 1] !== segment.sequence ||
      seen[at + 2] !== segment.acknowledgement ||
      seen[at + 3] !== segment.length * 256 + segment.flags ||
      seen[at + 4] !== segment.timestamp ||
      seen[at] !== segment.identification
    ) {
      return false
    }
    const apartNs = Math.abs(segment.timeNs - (seen[at + 5] as number))
    if (segment.identification > 0) return apartNs < APART_NS
    return apartNs < APART_UNIDENTIFIED_NS && seen[at + 6] !== placeOf(segment)
  }
}

function placeOf(segment: Segment): number {
  return segment.interfaceId * 4 + segment.direction
}
