/**
 * Reads a message by its shape, as far as its bytes are known, and notes what it says.
 *
 * Bytes are known from `at` to `to`; the message goes on to `end`, which no field may pass:
 * `broken`. One of which more is needed than is known is `cut`; what was read before is true.
 */
import { Facts } from './facts.ts'
import type { Op, Shape } from './grammar.ts'
import type { TopicNames } from './topic_names.ts'

/** magic 2: where a batch of records has what. */
const BATCH_LENGTH_AT = 8
const BATCH_MAGIC_AT = 16
const BATCH_COUNT_AT = 57
const BATCH_HEAD_BYTES = 61

/** Bytes of a message: `bytes[at … to)` are known, it goes on to `end`. */
export interface Span {
  readonly bytes: Buffer
  readonly at: number
  readonly to: number
  readonly end: number
}

export class Walk {
  readonly facts = new Facts()
  cut = false
  broken = false
  at = 0
  readonly #names: TopicNames
  #bytes: Buffer = Buffer.alloc(0)
  #to = 0
  #end = 0
  #flexible = false
  #forgotten = false
  /** The topic that the element is about. */
  #topic = ''

  constructor(names: TopicNames) {
    this.#names = names
  }

  /** All of it was read, to the last byte. */
  get isWhole(): boolean {
    return !this.cut && !this.broken && this.at === this.#end
  }

  /** Begins with another message; `facts` are those of it from now on. */
  begin({ bytes, at, to, end }: Span): void {
    this.facts.clear()
    this.#bytes = bytes
    this.at = at
    this.#to = to
    this.#end = end
    this.cut = false
    this.broken = false
    this.#forgotten = false
    this.#topic = ''
  }

  read({ isFlexible, ops }: Shape): void {
    this.#flexible = isFlexible
    this.#struct(ops)
  }

  /** A text with a length of two bytes, as headers have it in all versions; '' if there is none. */
  text(): string {
    this.#flexible = false
    const length = this.#length(2)
    const from = this.at
    return length > 0 && this.#skip(length) ? this.#bytes.toString('latin1', from, this.at) : ''
  }

  tags(): void {
    const count = this.#varint()
    for (let i = 0; i < count && this.#goesOn; i++) {
      this.#varint()
      this.#skip(this.#varint())
    }
  }

  get #goesOn(): boolean {
    return !this.cut && !this.broken
  }

  #struct(ops: readonly Op[]): void {
    for (const op of ops) {
      if (!this.#goesOn) return
      this.#field(op)
    }
    if (this.#flexible && this.#goesOn) this.tags()
  }

  #field(op: Op): void {
    switch (op.kind) {
      case 'fixed':
        this.#fixed(op)
        return
      case 'text':
        this.#text(op)
        return
      case 'bytes':
        this.#byteString(op)
        return
      case 'struct':
        this.#struct(op.ops)
        return
      case 'nullable': {
        const at = this.at
        if (this.#skip(1) && this.#bytes.readInt8(at) >= 0) this.#struct(op.ops)
        return
      }
      default:
        this.#array(op)
    }
  }

  #array(op: Op): void {
    const count = this.#length(4)
    if (!this.#goesOn) return
    if (count > this.#end - this.at) {
      this.broken = true
      return
    }
    const outer = this.#forgotten
    this.#forgotten ||= op.isForgotten
    if (!this.#forgotten) this.facts.holds(op.holds, Math.max(0, count))
    for (let i = 0; i < count && this.#goesOn; i++) {
      const before = this.at
      if (op.holds === 't') this.#topic = ''
      if (op.kind === 'array') this.#struct(op.ops)
      else this.#field(op.ops[0] as Op)
      // A structure without a field in this version takes no bytes, and might be there for ever.
      if (this.at === before) break
    }
    this.#forgotten = outer
  }

  #fixed({ size, mark }: Op): void {
    const at = this.at
    if (!this.#skip(size) || mark === '') return
    const { facts } = this
    if (mark === 'T') {
      this.#topicId(at)
      return
    }
    const value = this.#bytes.readIntBE(at, size)
    if (mark === 'p') facts.partitionOf(this.#topic, value, this.#forgotten)
    else facts.number(mark, value)
  }

  #text({ mark }: Op): void {
    const length = this.#length(2)
    const from = this.at
    if (length < 0 || !this.#skip(length) || mark === '') return
    const text = this.#bytes.toString('latin1', from, from + Math.min(length, 255))
    if (mark === 'g') this.facts.groupOf(text)
    else if (mark === 't') this.#named(text)
  }

  #topicId(at: number): void {
    const bytes = this.#bytes.subarray(at, at + 16)
    if (bytes.every((byte) => byte === 0)) return
    const id = bytes.toString('base64url')
    if (this.#topic === '') this.#named(this.#names.of(id))
    else this.#names.learn(id, this.#topic)
  }

  #named(topic: string): void {
    if (!isTopic(topic)) return
    this.#topic = topic
    if (!this.#forgotten) this.facts.topic(topic)
  }

  #byteString({ mark }: Op): void {
    const length = this.#length(4)
    const at = this.at
    if (length < 0) return
    if (mark === 'r') this.facts.batch(this.#messagesOf(at, length))
    this.#skip(length)
  }

  /** Messages of a batch; NaN: several batches, an old format, or its head is not known. */
  #messagesOf(at: number, length: number): number {
    if (length === 0) return 0
    if (length < BATCH_HEAD_BYTES || at + BATCH_HEAD_BYTES > this.#to) return Number.NaN
    const isOne = this.#bytes.readUInt32BE(at + BATCH_LENGTH_AT) + 12 === length
    const isKnown = isOne && this.#bytes[at + BATCH_MAGIC_AT] === 2
    return isKnown ? this.#bytes.readUInt32BE(at + BATCH_COUNT_AT) : Number.NaN
  }

  /** -1: null. `size`: bytes of a length that is no varint. */
  #length(size: number): number {
    if (this.#flexible) return this.#varint() - 1
    const at = this.at
    if (!this.#skip(size)) return -1
    const length = this.#bytes.readIntBE(at, size)
    if (length < -1) this.broken = true
    return length
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const at = this.at
      if (!this.#skip(1)) return 0
      const byte = this.#bytes[at] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    this.broken = true
    return 0
  }

  /** Whether so many bytes are there and known; moves behind them. */
  #skip(count: number): boolean {
    if (this.at + count > this.#end) this.broken = true
    else if (this.at + count > this.#to) this.cut = true
    else this.at += count
    return this.#goesOn
  }
}

/** Kafka allows no other names; anything else is a client's mistake, or no name. */
export function isTopic(text: string): boolean {
  return /^[\w.-]{1,249}$/.test(text)
}
