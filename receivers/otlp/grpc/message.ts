/**
 * Puts the one message of a unary call together from the pieces it comes in, and refuses it as soon
 * as it can be known to be wrong, in grpc-go's words.
 *
 *     Length-Prefixed-Message → compressed (1 byte: 0 or 1), length (4 bytes, big-endian), message
 */
import { decompress, type Encoding } from '../../../pipeline/server/decompress.ts'
import { Pieces } from '../../../pipeline/server/pieces.ts'
import { CODE, type Status } from '../status.ts'

const PREFIX_BYTES = 5

export class MessageReader {
  readonly #maxBytes: number
  readonly #encoding: Encoding | undefined
  readonly #pieces = new Pieces()
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  #length = -1

  /** @param maxBytes of the message, compressed and decompressed */
  constructor(maxBytes: number, encoding: Encoding | undefined) {
    this.#maxBytes = maxBytes
    this.#encoding = encoding
  }

  add(chunk: Buffer): Status | undefined {
    const before = this.#pieces.bytes
    if (before < PREFIX_BYTES) chunk.copy(this.#prefix, before, 0, PREFIX_BYTES - before)
    this.#pieces.add(chunk)
    if (this.#length < 0) {
      if (this.#pieces.bytes < PREFIX_BYTES) return undefined
      this.#length = this.#prefix.readUInt32BE(1)
      if (this.#length > this.#maxBytes) return this.#tooLarge()
      const wrong = this.#wrongFlag(this.#prefix[0] as number)
      if (wrong !== undefined) return wrong
    }
    if (this.#pieces.bytes <= PREFIX_BYTES + this.#length) return undefined
    return internal('grpc: received more than one message in a unary call')
  }

  /** The message, when no more pieces come. It shares no memory with the pieces. */
  finish(): Buffer | Status {
    if (this.#pieces.bytes === 0) return internal('grpc: received no message in a unary call')
    if (this.#length < 0 || this.#pieces.bytes < PREFIX_BYTES + this.#length) {
      return internal('unexpected EOF')
    }
    const body = this.#pieces.joined().subarray(PREFIX_BYTES)
    return this.#prefix[0] === 0 ? body : this.#decompressed(body)
  }

  #decompressed(body: Buffer): Buffer | Status {
    const result = decompress(this.#encoding as Encoding, body, this.#maxBytes)
    if (result.kind === 'bytes') return result.bytes
    if (result.kind === 'malformed') {
      return internal(`grpc: failed to decompress the received message: ${result.reason}`)
    }
    const message = `grpc: received message after decompression larger than max ${this.#maxBytes}`
    return { code: CODE.resourceExhausted, message }
  }

  #tooLarge(): Status {
    const message = `grpc: received message larger than max (${this.#length} vs. ${this.#maxBytes})`
    return { code: CODE.resourceExhausted, message }
  }

  #wrongFlag(flag: number): Status | undefined {
    if (flag === 0) return undefined
    if (flag > 1) return internal(`grpc: received unexpected payload format ${flag}`)
    if (this.#encoding !== undefined) return undefined
    return internal('grpc: compressed flag set with identity or empty encoding')
  }
}

function internal(message: string): Status {
  return { code: CODE.internal, message }
}
