/** Reads numbers and vectors (RFC 8446 §3) of a message whose end may be missing. */
export class Cursor {
  readonly #bytes: Buffer
  #at = 0
  /** Something that was asked for was not there, or in part. */
  cut = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** A number of `width` bytes, up to 6; 0 where they are not there. */
  number(width: number): number {
    if (this.left < width) {
      this.cut = true
      this.#at = this.#bytes.length
      return 0
    }
    this.#at += width
    return this.#bytes.readUIntBE(this.#at - width, width)
  }

  /** The next `count` bytes, or as many as there are. */
  take(count: number): Buffer {
    const from = this.#at
    if (count > this.left) this.cut = true
    this.#at = Math.min(from + count, this.#bytes.length)
    return this.#bytes.subarray(from, this.#at)
  }

  /** What stands behind a length of `width` bytes. */
  vector(width: number): Buffer {
    return this.take(this.number(width))
  }
}
