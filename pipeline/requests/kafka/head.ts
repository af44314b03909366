/**
 * What a request begins with, and which bytes can be that:
 *
 *     length:i32 key:i16 version:i16 correlation:i32 clientId:(i16 byte*) tags?
 *
 * Everything but the tags is alike in all versions. A response begins with length and correlation.
 */
import { API_VERSIONS, apiOf, shapeOf } from './grammar.ts'
import { TopicNames } from './topic_names.ts'
import { Walk } from './walk.ts'

export const REQUEST_HEAD_BYTES = 12
export const RESPONSE_HEAD_BYTES = 8
const LENGTH_BYTES = 4
const CLIENT_ID_AT = REQUEST_HEAD_BYTES + 2
/** Brokers refuse more than 100 MiB unless they are told otherwise; no text begins so. */
export const MESSAGE_BYTES_MAX = 1 << 27
const KEYS = 128
const VERSIONS = 32
const CLIENT_ID_BYTES_MAX = 255
/** Numbers of fewer bytes, without a name of the client, may mean anything. */
const NAMELESS_BYTES_MIN = 25

export interface RequestHead {
  readonly length: number
  readonly key: number
  readonly version: number
  readonly correlation: number
}

/** undefined: the 12 bytes cannot be the head of a request. */
export function requestHead(bytes: Buffer, at = 0): RequestHead | undefined {
  const length = bytes.readInt32BE(at)
  const key = bytes.readInt16BE(at + 4)
  const version = bytes.readInt16BE(at + 6)
  const isLength = length >= REQUEST_HEAD_BYTES - LENGTH_BYTES && length <= MESSAGE_BYTES_MAX
  if (!isLength || key < 0 || key >= KEYS || version < 0 || version >= VERSIONS) return undefined
  return { length, key, version, correlation: bytes.readInt32BE(at + 8) }
}

/** How sure it is that a request begins with the first of the bytes. */
export type Sureness = 'sure' | 'likely' | 'unlike'

/**
 * Sure is what has a name of its client in plain letters, or was read to its last byte and leaves
 * none; and goes on as requests of its kind do, as far as it is known.
 */
export function isRequest(bytes: Buffer): Sureness {
  if (bytes.length < CLIENT_ID_AT) return isBeginning(bytes) ? 'likely' : 'unlike'
  const head = requestHead(bytes)
  const api = head === undefined ? undefined : apiOf(head.key)
  if (head === undefined || api === undefined) return 'unlike'
  const idLength = bytes.readInt16BE(REQUEST_HEAD_BYTES)
  if (idLength < -1 || idLength > CLIENT_ID_BYTES_MAX) return 'unlike'
  if (CLIENT_ID_AT + idLength > head.length + LENGTH_BYTES) return 'unlike'
  const id = bytes.toString('latin1', CLIENT_ID_AT, CLIENT_ID_AT + Math.max(0, idLength))
  if (!/^[\x20-\x7e]*$/.test(id)) return 'unlike'
  const isNamed = idLength > 0 && id.length === idLength
  // A client may be newer than what is described here, and ask by ApiVersions what it may say.
  if (head.version > api.versionMax) return isNamed ? 'sure' : 'likely'
  const end = head.length + LENGTH_BYTES
  const walk = walkOf(bytes, { head, end })
  if (walk === undefined || walk.broken || (!walk.cut && !walk.isWhole)) return 'unlike'
  const isLong = walk.isWhole && (head.key === API_VERSIONS || end >= NAMELESS_BYTES_MIN)
  return isNamed || isLong ? 'sure' : 'likely'
}

function walkOf(
  bytes: Buffer,
  { head, end }: { head: RequestHead; end: number },
): Walk | undefined {
  const shape = shapeOf(head.key, head.version, 'request')
  if (shape === undefined) return undefined
  const walk = new Walk(new TopicNames())
  walk.begin({ bytes, at: REQUEST_HEAD_BYTES, to: Math.min(bytes.length, end), end })
  walk.text()
  if (shape.isFlexible) walk.tags()
  walk.read(shape)
  return walk
}

/** Of fewer bytes than a head has. */
function isBeginning(bytes: Buffer): boolean {
  const full = Buffer.alloc(REQUEST_HEAD_BYTES)
  bytes.copy(full)
  // What has not come yet may be anything; a length that is known in part is at least as long.
  if (bytes.length < LENGTH_BYTES) full.writeUInt8(0xff, LENGTH_BYTES - 1)
  const head = requestHead(full)
  return head !== undefined && apiOf(head.key) !== undefined
}
