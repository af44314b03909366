/**
 * The pieces that a body comes in. Many small ones are put together as they come: each is an object
 * that may keep the whole of a read alive, so that a sender who drips bytes would take hundreds of
 * times the memory that is accounted for.
 */

/** So many are kept as they come: nearly every body is whole by then. */
const KEPT_AS_THEY_COME = 16
const SMALL_BYTES = 1024
const BLOCK_BYTES = 16 * 1024

export class Pieces {
  readonly #kept: Buffer[] = []
  #bytes = 0
  /** Filled with small pieces, so far as `#used`; not among those kept yet. */
  #block: Buffer | undefined
  #used = 0

  /** Of all pieces together. */
  get bytes(): number {
    return this.#bytes
  }

  /** Buffers that are held. */
  get count(): number {
    return this.#kept.length + (this.#block === undefined ? 0 : 1)
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length
    const isSmall = piece.length < SMALL_BYTES
    if (this.#kept.length < KEPT_AS_THEY_COME || !isSmall) {
      this.#keepBlock()
      this.#kept.push(piece)
      return
    }
    if (this.#block === undefined || this.#used + piece.length > BLOCK_BYTES) {
      this.#keepBlock()
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
    }
    piece.copy(this.#block, this.#used)
    this.#used += piece.length
  }

  /** All of them as one, which shares no memory with them. */
  joined(): Buffer {
    this.#keepBlock()
    return Buffer.concat(this.#kept, this.#bytes)
  }

  clear(): void {
    this.#kept.length = 0
    this.#block = undefined
    this.#bytes = this.#used = 0
  }

  #keepBlock(): void {
    if (this.#block !== undefined) this.#kept.push(this.#block.subarray(0, this.#used))
    this.#block = undefined
    this.#used = 0
  }
}
