/**
 * What one end of a connection sent, put back into stream order.
 *
 *     offset 0            next                    highest
 *     │◀── delivered ────▶│ · missing · ▒ early ▒ │
 *
 * Bytes that are missing are waited for until the other end acknowledges them: then they were
 * sent, and the capture missed them; the stream goes on behind them, and its reader sees the gap by
 * the next piece's offset. Offsets count from the first byte after the SYN, or, where that was not
 * seen, from the first byte that was.
 */
import { type Segment, TCP_FLAG } from '../wire/segment.ts'
import { type EarlyBudget, OutOfOrder } from './out_of_order.ts'
import { RoundTrip } from './rtt.ts'

/** A piece of the stream, in order; `bytes[at … at + captured)` are its first bytes. */
export interface Delivery {
  offset: number
  length: number
  captured: number
  bytes: Buffer
  at: number
  timeNs: number
}

/** A hole that is filled sooner than this was a packet that overtook another. */
const REORDER_NS = 3_000_000

export class Direction {
  /** Of the SYN; undefined when it was not seen. */
  isn: number | undefined
  /** Offset of the next byte to deliver, and its sequence number. */
  next = 0
  highest = 0
  segments = 0
  retransmits = 0
  synRetries = 0
  /** Bytes that the other end acknowledged and the capture does not have. */
  missed = 0
  finOffset = -1
  readonly rtt = new RoundTrip()
  readonly #early: OutOfOrder
  readonly #deliver: (delivery: Delivery) => void
  readonly #delivery: Delivery = {
    offset: 0,
    length: 0,
    captured: 0,
    bytes: Buffer.alloc(0),
    at: 0,
    timeNs: 0,
  }
  #nextSequence = 0
  #begun = false
  #highestNs = 0

  constructor(budget: EarlyBudget, deliver: (delivery: Delivery) => void) {
    this.#early = new OutOfOrder(budget)
    this.#deliver = deliver
  }

  /** Whether everything up to the FIN was delivered. */
  get finished(): boolean {
    return this.finOffset >= 0 && this.next >= this.finOffset
  }

  sent(segment: Segment): void {
    this.segments++
    if ((segment.flags & TCP_FLAG.syn) !== 0) this.#syn(segment)
    else if (!this.#begun) this.#begin(segment.sequence)
    // A SYN takes the sequence number before its payload (Fast Open).
    const isSyn = (segment.flags & TCP_FLAG.syn) !== 0
    const sequence = isSyn ? (segment.sequence + 1) >>> 0 : segment.sequence
    const offset = this.#offsetOf(sequence)
    if (segment.length > 0) this.#payload(segment, offset)
    if ((segment.flags & TCP_FLAG.fin) !== 0) this.finOffset = offset + segment.length
  }

  /** The other end has everything before this sequence number. */
  acknowledged(acknowledgement: number, timeNs: number): void {
    if (!this.#begun) return
    // A FIN is acknowledged like a byte.
    let offset = this.#offsetOf(acknowledgement)
    if (this.finOffset >= 0) offset = Math.min(offset, this.finOffset)
    this.rtt.acknowledged(offset, timeNs)
    if (offset > this.next) this.#skipTo(offset)
  }

  /** The connection is over: what came early is delivered behind the gaps before it. */
  finish(): void {
    for (;;) {
      const first = this.#early.first
      if (first === undefined) return
      this.#skipTo(first.offset + first.length)
    }
  }

  #syn(segment: Segment): void {
    if (this.isn === segment.sequence) this.synRetries++
    this.isn = segment.sequence
    if (!this.#begun) this.#begin((segment.sequence + 1) >>> 0)
    this.rtt.sent(0, segment.timeNs)
    if (this.synRetries > 0) this.rtt.repeated()
  }

  #begin(sequence: number): void {
    this.#begun = true
    this.#nextSequence = sequence
  }

  /** The nearest offset to `next` that has this sequence number (RFC 9293 §3.4). */
  #offsetOf(sequence: number): number {
    return this.next + ((sequence - this.#nextSequence) | 0)
  }

  #payload(segment: Segment, offset: number): void {
    const end = offset + segment.length
    if (this.#isRepeated(segment, offset)) {
      this.retransmits++
      this.rtt.repeated()
    }
    if (end > this.highest) {
      this.highest = end
      this.#highestNs = segment.timeNs
      this.rtt.sent(end, segment.timeNs)
    }
    if (end <= this.next) return
    if (offset > this.next) this.#keep(segment, offset)
    else this.#take(segment, offset)
    this.#takeEarly()
  }

  /** Seen before, or long overdue: the one that was lost went by elsewhere. */
  #isRepeated(segment: Segment, offset: number): boolean {
    const end = offset + segment.length
    if (offset >= this.highest) return false
    // A keep-alive asks for an answer by a byte that was sent before (RFC 9293 §3.8.4).
    if (segment.length === 1 && end === this.highest && end <= this.next) return false
    if (offset < this.next || this.#early.has(offset, segment.length)) return true
    return segment.timeNs - this.#highestNs > REORDER_NS
  }

  #take(segment: Segment, offset: number): void {
    const repeated = this.next - offset
    this.#emit({
      offset: this.next,
      length: segment.length - repeated,
      captured: Math.max(0, segment.captured - repeated),
      bytes: segment.bytes,
      at: segment.at + repeated,
      timeNs: segment.timeNs,
    })
  }

  #keep(segment: Segment, offset: number): void {
    const { bytes, at, captured, length, timeNs } = segment
    const copy = Buffer.from(bytes.subarray(at, at + captured))
    if (this.#early.keep({ offset, length, bytes: copy, timeNs })) return
    // No room to wait: what is missing is given up.
    this.#skipTo(offset)
    if (offset + length > this.next) this.#take(segment, offset)
  }

  #takeEarly(): void {
    for (;;) {
      const first = this.#early.first
      if (first === undefined || first.offset > this.next) return
      this.#early.shift()
      const repeated = this.next - first.offset
      if (repeated >= first.length) continue
      this.#emit({
        offset: this.next,
        length: first.length - repeated,
        captured: Math.max(0, first.bytes.length - repeated),
        bytes: first.bytes,
        at: Math.min(repeated, first.bytes.length),
        timeNs: first.timeNs,
      })
    }
  }

  /** Everything before `offset` is there or never comes. */
  #skipTo(offset: number): void {
    while (this.next < offset) {
      const first = this.#early.first
      const until = first === undefined ? offset : Math.min(first.offset, offset)
      if (until > this.next) {
        this.missed += until - this.next
        this.#advance(until - this.next)
      }
      this.#takeEarly()
    }
  }

  #emit(delivery: Delivery): void {
    Object.assign(this.#delivery, delivery)
    this.#advance(delivery.length)
    this.#deliver(this.#delivery)
  }

  #advance(count: number): void {
    this.next += count
    this.#nextSequence = (this.#nextSequence + count) >>> 0
  }
}
