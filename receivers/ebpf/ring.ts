/**
 * Reads a BPF ring buffer in place (kernel: kernel/bpf/ringbuf.c).
 *
 *     consumer page │ producer page │ data │ the same data again
 *       position       position       header, record, header, record, …
 *
 * Positions only grow; position modulo size is the place. A header is `u32 length | BUSY | DISCARD`
 * and a u32 that is the kernel's; records are padded to 8 bytes. The data is mapped twice in a row,
 * so that no record is ever cut. Producers write a record with BUSY set and then clear it, in any
 * order between CPUs: the reader stops at the first busy one.
 */
import type { OnRecord } from '../../pipeline/kernel_events/followed.ts'
import { map, pageBytes } from './memory.ts'

const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000
const HEADER_BYTES = 8
const LENGTH_MASK = 0x3fff_ffff
/** After this much, room is given back to the producers in the middle of a drain. */
const COMMIT_BYTES = 65_536

/**
 * x86 makes loads in their order, so that a record is whole whose header says so; elsewhere that
 * takes an acquiring load, which in JavaScript is a call: two hundredths of the process's time.
 */
const IS_ORDERED = process.arch === 'x64'

export interface DrainOptions {
  /** At most so many records. */
  readonly limit?: number
  /** Only records that begin before this position (a `snapshot`). */
  readonly until?: number
}

export interface Ring {
  /** How much it holds, headers included. */
  readonly bytes: number
  /**
   * Hands over the records that are complete, oldest first, and gives their room back. Returns how
   * many. When `onRecord` throws, its record counts as handed over.
   */
  drain(onRecord: OnRecord, options?: DrainOptions): number
  /** Bytes held, headers and records still being written included. */
  pending(): number
  /** Where the producers are now, in bytes since the ring was made; for `until`. */
  snapshot(): number
  /** Where this reader is: `position() >= until` once all before `until` has been handed over. */
  position(): number
  /** Unmaps. Afterwards the ring is empty. Safe twice. */
  close(): void
}

/** Maps the ring that `fd` stands for. `bytes` is its size: a power of two, at least a page. */
export function openRing(fd: number, bytes: number): Ring {
  const page = pageBytes()
  const consumer = map(fd, { offset: 0, bytes: page, writable: true })
  const producer = map(fd, { offset: page, bytes: page + 2 * bytes, writable: false })
  const reader = new RingReader(consumer.buffer, producer.buffer, page)
  let open = true
  return {
    bytes,
    drain: (onRecord, options) => (open ? reader.drain(onRecord, options) : 0),
    pending: () => (open ? reader.pending() : 0),
    snapshot: () => (open ? reader.snapshot() : 0),
    position: () => (open ? reader.position() : 0),
    close() {
      if (!open) return
      open = false
      consumer.unmap()
      producer.unmap()
    },
  }
}

/** The reader without the mapping: any two buffers of the ring's form will do. */
export class RingReader {
  readonly #consumed: BigInt64Array
  readonly #produced: BigInt64Array
  readonly #headers: Int32Array
  readonly #view: DataView
  readonly #mask: number
  #position: number

  /** `producer` holds the producer page and the data twice. */
  constructor(consumer: ArrayBuffer, producer: ArrayBuffer, page: number) {
    this.#consumed = new BigInt64Array(consumer, 0, 1)
    this.#produced = new BigInt64Array(producer, 0, 1)
    this.#headers = new Int32Array(producer, page)
    this.#view = new DataView(producer, page)
    this.#mask = (producer.byteLength - page) / 2 - 1
    // A reader that takes over from another goes on where that one stopped.
    this.#position = Number(Atomics.load(this.#consumed, 0))
  }

  drain(onRecord: OnRecord, options: DrainOptions = {}): number {
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const end = Math.min(this.snapshot(), options.until ?? Number.POSITIVE_INFINITY)
    let committed = this.#position
    let count = 0
    try {
      while (this.#position < end && count < limit) {
        // Positions stay below 2^53, and `&` takes them modulo 2^32, of which the size is a
        // divisor.
        const at = this.#position & this.#mask
        const header = this.#header(at >>> 2)
        if ((header & BUSY) !== 0) break
        const length = header & LENGTH_MASK
        this.#advance(length)
        if ((header & DISCARD) !== 0) continue
        count++
        onRecord(this.#view, at + HEADER_BYTES, length)
        if (this.#position - committed < COMMIT_BYTES) continue
        this.#commit()
        committed = this.#position
      }
    } finally {
      if (this.#position !== committed) this.#commit()
    }
    return count
  }

  #header(index: number): number {
    return IS_ORDERED ? (this.#headers[index] as number) : Atomics.load(this.#headers, index)
  }

  pending(): number {
    return this.snapshot() - this.#position
  }

  snapshot(): number {
    return Number(Atomics.load(this.#produced, 0))
  }

  position(): number {
    return this.#position
  }

  #advance(length: number): void {
    const size = HEADER_BYTES + Math.ceil(length / 8) * 8
    if (size > this.#mask + 1) {
      throw new Error(`Ring is damaged: a record of ${length} bytes in ${this.#mask + 1}`)
    }
    this.#position += size
  }

  #commit(): void {
    Atomics.store(this.#consumed, 0, BigInt(this.#position))
  }
}
