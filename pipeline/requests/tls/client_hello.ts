/**
 * ClientHello (RFC 8446 §4.1.2, the same in RFC 5246 §7.4.1.2):
 *
 *     u16 version, random{32}, u8-vector session id, u16-vector cipher suites,
 *     u8-vector compression methods, extensions
 */
import { Cursor } from './cursor.ts'
import { EXTENSION, extensionsOf, protocolsOf } from './extensions.ts'
import { serverNameOf } from './server_name.ts'

const RANDOM_BYTES = 32
const SESSION_ID_BYTES_MAX = 32
const VERSION_MIN = 0x0300
/** Later ones stand in an extension (RFC 8446 §4.1.2). */
const VERSION_MAX = 0x0303
const ECH_OUTER = 0

export interface ClientHello {
  readonly serverName: string
  /** There was a name that cannot be one. */
  readonly isNameInvalid: boolean
  readonly protocols: readonly string[]
  readonly sessionId: Buffer
  readonly ech: boolean
}

/** undefined: it is none. Of one that is cut, what stands before. */
export function clientHelloOf(body: Buffer): ClientHello | undefined {
  const hello = new Cursor(body)
  const version = hello.number(2)
  hello.take(RANDOM_BYTES)
  const sessionId = hello.vector(1)
  if (version < VERSION_MIN || version > VERSION_MAX) return undefined
  if (sessionId.length > SESSION_ID_BYTES_MAX) return undefined
  hello.vector(2)
  hello.vector(1)
  const extensions = extensionsOf(hello)
  const name = extensions.get(EXTENSION.serverName)
  const serverName = name === undefined ? '' : serverNameOf(name)
  return {
    serverName,
    isNameInvalid: name !== undefined && serverName === '',
    protocols: protocolsOf(extensions.get(EXTENSION.alpn)),
    sessionId: Buffer.from(sessionId),
    ech: extensions.get(EXTENSION.encryptedClientHello)?.[0] === ECH_OUTER,
  }
}
