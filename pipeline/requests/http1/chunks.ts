/**
 * Follows a chunked body (RFC 9112 §7.1) through pieces cut anywhere, in constant memory.
 *
 *     chunk        = 1*HEXDIG [ ";" ext ] CRLF  data CRLF
 *     chunked-body = *chunk  1*"0" [ ext ] CRLF  *( trailer-field CRLF )  CRLF
 */

import type { Piece } from '../piece.ts'

const LF = 10
const CR = 13
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n')
/** No chunk is as long; numbers stay exact below 2^53. */
const SIZE_MAX = 2 ** 48

const SIZE = 0
const EXTENSION = 1
const DATA = 2
const DATA_END = 3
const DATA_END_LF = 4
const LINE_START = 5
const TRAILER = 6
const LAST_LF = 7

export class Chunks {
  /** The last CRLF was seen. */
  done = false
  /** What was seen is not a chunked body. */
  failed = false
  #state = SIZE
  #size = 0
  #sized = false
  #left = 0

  /** Takes known bytes; returns the index behind the last one that belongs to the body. */
  take(bytes: Buffer, from: number, to: number): number {
    let at = from
    while (at < to && !this.done && !this.failed) {
      if (this.#state === DATA) {
        const step = Math.min(this.#left, to - at)
        this.#left -= step
        at += step
        if (this.#left === 0) this.#state = DATA_END
      } else {
        this.#step(bytes[at++] as number)
      }
    }
    return at
  }

  /** Takes bytes of which only the number is known; false: the place in the body is lost. */
  skip(count: number): boolean {
    if (this.#state !== DATA || count > this.#left + 2) return false
    const over = count - this.#left
    this.#left = Math.max(0, -over)
    if (over === 0) this.#state = DATA_END
    else if (over === 1) this.#state = DATA_END_LF
    else if (over === 2) this.#nextChunk()
    return true
  }

  #step(byte: number): void {
    switch (this.#state) {
      case SIZE:
        this.#sizeByte(byte)
        break
      case EXTENSION:
        if (byte === LF) this.#sizeEnd()
        break
      case DATA_END:
        if (byte === CR) this.#state = DATA_END_LF
        else if (byte === LF) this.#nextChunk()
        else this.failed = true
        break
      case DATA_END_LF:
        if (byte === LF) this.#nextChunk()
        else this.failed = true
        break
      case LINE_START:
        if (byte === CR) this.#state = LAST_LF
        else if (byte === LF) this.done = true
        else this.#state = TRAILER
        break
      case TRAILER:
        if (byte === LF) this.#state = LINE_START
        break
      case LAST_LF:
        if (byte === LF) this.done = true
        else this.failed = true
        break
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit
      this.#sized = true
      if (this.#size > SIZE_MAX) this.failed = true
      return
    }
    if (!this.#sized) this.failed = true
    else if (byte === LF) this.#sizeEnd()
    // CR, a space or `;`: nothing matters any more before LF.
    else if (byte === CR || byte === 59 || byte === 32 || byte === 9) this.#state = EXTENSION
    else this.failed = true
  }

  #sizeEnd(): void {
    this.#left = this.#size
    this.#state = this.#size === 0 ? LINE_START : DATA
  }

  #nextChunk(): void {
    this.#size = 0
    this.#sized = false
    this.#state = SIZE
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 0x20
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** Whether the piece's last bytes end a chunked body: with the data before them, or alone. */
export function endsChunked(piece: Piece): boolean {
  const alone = piece.length === LAST_CHUNK.length - 2
  if (piece.length < LAST_CHUNK.length && !alone) return false
  for (let i = alone ? 2 : 0; i < LAST_CHUNK.length; i++) {
    if (piece.bytes[piece.tailEnd - LAST_CHUNK.length + i] !== LAST_CHUNK[i]) return false
  }
  return true
}
