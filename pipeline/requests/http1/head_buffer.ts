/** Keeps a head that comes in several pieces until it is whole. */
import type { Http1Shared } from './shared.ts'

/** A head longer than this is taken as cut: eight times what common servers accept. */
export const HEAD_BYTES_MAX = 65_536
const FIRST_BYTES = 1024

const LF = 10
const CR = 13
const EMPTY = Buffer.alloc(0)

export class HeadBuffer {
  /** `bytes[0 … length)` is the head so far. */
  bytes: Buffer = EMPTY
  length = 0
  readonly #shared: Http1Shared

  constructor(shared: Http1Shared) {
    this.#shared = shared
  }

  /** Copies what it may keep of `[from, to)`; returns how many bytes that was. */
  keep(bytes: Buffer, from: number, to: number): number {
    let count = Math.min(to - from, HEAD_BYTES_MAX - this.length)
    if (this.length + count > this.bytes.length && !this.#grow(this.length + count)) {
      count = this.bytes.length - this.length
    }
    bytes.copy(this.bytes, this.length, from, from + count)
    this.length += count
    return count
  }

  release(): void {
    if (this.bytes === EMPTY) return
    this.#shared.headBytes -= this.bytes.length
    this.bytes = EMPTY
    this.length = 0
  }

  /** Whether a blank line ends the head behind `from`, or a little before it. */
  ends(from: number): boolean {
    const { bytes, length } = this
    for (let i = Math.max(0, from - 3); i < length; i++) {
      if (bytes[i] !== LF) continue
      if (i + 1 < length && bytes[i + 1] === LF) return true
      if (i + 2 < length && bytes[i + 1] === CR && bytes[i + 2] === LF) return true
    }
    return false
  }

  #grow(need: number): boolean {
    let size = Math.max(FIRST_BYTES, this.bytes.length)
    while (size < need) size *= 2
    const more = size - this.bytes.length
    if (this.#shared.headBytes + more > this.#shared.headBytesMax) return false
    this.#shared.headBytes += more
    const larger = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
    return true
  }
}
