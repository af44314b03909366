/**
 * Where messages begin again after missing bytes: with a piece, or with one of four bytes before
 * it, as programs have it that read a length by itself.
 */
import { Piece } from '../piece.ts'

const LENGTH_BYTES = 4

export class Foothold {
  #length: Piece | undefined

  /**
   * The pieces that a message begins with, if `fits` says so of its first bytes; `total`: as many
   * as the pieces are long.
   */
  find(
    piece: Piece,
    fits: (first: Buffer, total: number) => boolean,
  ): readonly Piece[] | undefined {
    const length = this.#length
    this.#length = undefined
    const known = piece.bytes.subarray(piece.at, piece.at + Math.min(piece.captured, piece.length))
    if (length !== undefined && length.offset + LENGTH_BYTES === piece.offset) {
      const first = Buffer.concat([length.bytes, known])
      return fits(first, LENGTH_BYTES + piece.length) ? [length, piece] : undefined
    }
    if (piece.length === LENGTH_BYTES) {
      if (known.length === LENGTH_BYTES) this.#length = copyOf(piece, known)
      return undefined
    }
    return fits(known, piece.length) ? [piece] : undefined
  }
}

/** The bytes of a piece are only valid while it is looked at. */
function copyOf(piece: Piece, known: Buffer): Piece {
  const copy = Object.assign(new Piece(), piece)
  copy.bytes = Buffer.from(known)
  copy.at = 0
  copy.tailEnd = known.length
  return copy
}
