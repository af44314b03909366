/** Reads a body up to a limit, and undoes its encoding up to the same limit. */
import type { IncomingMessage } from 'node:http'
import { decompress, type Encoding } from '../../../pipeline/server/decompress.ts'
import { Pieces } from '../../../pipeline/server/pieces.ts'
import { CODE, type Status } from '../status.ts'

const TOO_LARGE: Status = { code: CODE.invalidArgument, message: 'http: request body too large' }

export interface BodySettings {
  readonly maxBytes: number
  readonly encoding: Encoding | undefined
  /** Accounts for more bytes; why they cannot be held. */
  readonly hold: (bytes: number) => Status | undefined
}

/** Calls `done` once, unless the client goes away before its request is whole. */
export function readBody(
  request: IncomingMessage,
  settings: BodySettings,
  done: (body: Buffer | Status) => void,
): void {
  const { maxBytes, encoding, hold } = settings
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > maxBytes) {
    done(TOO_LARGE)
    return
  }
  const pieces = new Pieces()
  const onData = (piece: Buffer) => {
    const isTooLarge = pieces.bytes + piece.length > maxBytes
    const wrong = isTooLarge ? TOO_LARGE : hold(piece.length)
    if (wrong === undefined) pieces.add(piece)
    else end(wrong)
  }
  const onEnd = () => {
    const body = pieces.joined()
    end(encoding === undefined ? body : decompressed(body, encoding))
  }
  const end = (result: Buffer | Status) => {
    request.off('data', onData).off('end', onEnd)
    pieces.clear()
    done(result)
  }
  const decompressed = (body: Buffer, from: Encoding): Buffer | Status => {
    const result = decompress(from, body, maxBytes)
    if (result.kind === 'too_large') return TOO_LARGE
    if (result.kind === 'malformed') {
      return { code: CODE.invalidArgument, message: `${from}: ${result.reason}` }
    }
    return hold(result.bytes.length - body.length) ?? result.bytes
  }
  request.on('data', onData).once('end', onEnd)
}
