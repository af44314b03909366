/**
 * ServerHello (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3):
 *
 *     u16 version, random{32}, u8-vector session id, u16 cipher suite, u8 compression, extensions
 *
 * A HelloRetryRequest is one with a certain random; version and cipher suite are final there.
 */
import { Cursor } from './cursor.ts'
import { EXTENSION, extensionsOf, protocolsOf } from './extensions.ts'

const RANDOM_BYTES = 32
const SESSION_ID_BYTES_MAX = 32
/** SHA-256 of `HelloRetryRequest`. */
const RETRY = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')

const TLS_1_2 = 0x0303
const TLS_1_3 = 0x0304
const UNKNOWN = 0
const NONE = Buffer.alloc(0)
const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0300, 'ssl3'],
  [0x0301, '1.0'],
  [0x0302, '1.1'],
  [TLS_1_2, '1.2'],
  [TLS_1_3, '1.3'],
])

export interface ServerHello {
  /** '': an unknown one. */
  readonly version: string
  readonly isTls13: boolean
  readonly cipher: number
  /** Of a session that goes on, or might be taken up again; none with TLS 1.3. */
  readonly sessionId: Buffer
  /** The server has chosen: only before TLS 1.3 to be seen. */
  readonly protocol: string
  /** With a key of before; only of TLS 1.3. */
  readonly isPreShared: boolean
  readonly isRetry: boolean
}

/** undefined: it is none, or too much of it is missing. `cut`: something is. */
export function serverHelloOf(body: Buffer, cut: boolean): ServerHello | undefined {
  const hello = new Cursor(body)
  const legacy = hello.number(2)
  const random = hello.take(RANDOM_BYTES)
  const sessionId = hello.vector(1)
  const cipher = hello.number(2)
  hello.number(1)
  if (hello.cut || sessionId.length > SESSION_ID_BYTES_MAX) return undefined
  if (legacy < 0x0300 || legacy > TLS_1_2) return undefined
  // SSL 3.0 to TLS 1.2 may end here.
  const extensions = hello.left > 0 ? extensionsOf(hello) : new Map<number, Buffer>()
  const chosen = extensions.get(EXTENSION.supportedVersions)
  // What would say that it is another version may be missing.
  const isUnsure = cut && legacy === TLS_1_2
  const version = chosen?.length === 2 ? chosen.readUInt16BE(0) : isUnsure ? UNKNOWN : legacy
  return {
    version: VERSIONS.get(version) ?? '',
    isTls13: version >= TLS_1_3,
    cipher,
    // TLS 1.3 sends any client's back.
    sessionId: version < TLS_1_3 && version !== UNKNOWN ? Buffer.from(sessionId) : NONE,
    protocol: protocolsOf(extensions.get(EXTENSION.alpn))[0] ?? '',
    isPreShared: extensions.has(EXTENSION.preSharedKey),
    isRetry: random.equals(RETRY),
  }
}
