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
  /**
   * Gives back the room of all records that were handed over before the one that is being handed
   * over: a reader that takes over from a killed one does not read them again.
   */
  commit(): void
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
    commit() {
      if (open) reader.commit()
    },
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
  /** Of the record that is being handed over; between drains of the next one. */
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
    // In variables: what stands in the object is stored and loaded around each call.
    const headers = this.#headers
    const view = this.#view
    const mask = this.#mask
    let position = this.#position
    let committed = position
    let count = 0
    try {
      while (position < end && count < limit) {
        // Positions stay below 2^53, and `&` takes them modulo 2^32, of which the size is a
        // divisor.
        const at = position & mask
        const index = at >>> 2
        const header = IS_ORDERED ? (headers[index] as number) : Atomics.load(headers, index)
        if ((header & BUSY) !== 0) break
        const length = header & LENGTH_MASK
        if (length > mask + 1 - HEADER_BYTES) throw damaged(length, mask + 1)
        this.#position = position
        position += HEADER_BYTES + ((length + 7) & ~7)
        if ((header & DISCARD) !== 0) continue
        count++
        onRecord(view, at + HEADER_BYTES, length)
        if (position - committed < COMMIT_BYTES) continue
        this.#position = position
        this.commit()
        committed = position
      }
    } finally {
      this.#position = position
      if (position !== committed) this.commit()
    }
    return count
  }

  commit(): void {
    Atomics.store(this.#consumed, 0, BigInt(this.#position))
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
}

function damaged(length: number, bytes: number): Error {
  return new Error(`Ring is damaged: a record of ${length} bytes in ${bytes}`)
}
