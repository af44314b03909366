/** Hellos and records of TLS, made byte by byte. */

export interface ClientHelloFields {
  readonly serverName?: string | Buffer
  readonly protocols?: readonly string[]
  readonly sessionId?: Buffer
  /** TLS 1.3 is offered, with so many bytes of keys. */
  readonly keyBytes?: number
  readonly ech?: boolean
}

export interface ServerHelloFields {
  readonly version?: number
  readonly cipher?: number
  readonly sessionId?: Buffer
  readonly protocol?: string
  readonly preShared?: boolean
  readonly retry?: boolean
}

const RETRY = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')
const GREASE = 0x5a5a

export function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

/** A vector with a length of `width` bytes before it. */
export function vector(width: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = Buffer.alloc(width)
  length.writeUIntBE(body.length, 0, width)
  return Buffer.concat([length, body])
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([u16(type), vector(2, data)])
}

function protocolList(protocols: readonly string[]): Buffer {
  return extension(
    16,
    vector(2, ...protocols.map((name) => vector(1, Buffer.from(name, 'latin1')))),
  )
}

/** The message with its header. */
export function clientHello(fields: ClientHelloFields = {}): Buffer {
  const { serverName, protocols, sessionId = Buffer.alloc(32, 7), keyBytes = 36, ech } = fields
  const extensions = [extension(GREASE, Buffer.alloc(0))]
  if (serverName !== undefined) {
    const name = vector(2, Buffer.from(serverName as string))
    extensions.push(extension(0, vector(2, Buffer.of(0), name)))
  }
  if (protocols !== undefined) extensions.push(protocolList(protocols))
  if (keyBytes > 0) {
    extensions.push(extension(51, vector(2, Buffer.alloc(keyBytes, 3))))
    extensions.push(extension(43, vector(1, u16(GREASE), u16(0x0304), u16(0x0303))))
  }
  if (ech) extensions.push(extension(0xfe0d, Buffer.alloc(100, 0)))
  return message(1, [
    u16(0x0303),
    Buffer.alloc(32, 1),
    vector(1, sessionId),
    vector(2, u16(GREASE), u16(0x1301), u16(0xc02f)),
    vector(1, Buffer.of(0)),
    vector(2, ...extensions),
  ])
}

export function serverHello(fields: ServerHelloFields = {}): Buffer {
  const { version = 0x0304, cipher = 0x1301, sessionId = Buffer.alloc(32, 7) } = fields
  const extensions: Buffer[] = []
  if (version === 0x0304) extensions.push(extension(43, u16(version)))
  if (fields.preShared) extensions.push(extension(41, u16(0)))
  if (fields.protocol !== undefined) extensions.push(protocolList([fields.protocol]))
  return message(2, [
    u16(Math.min(version, 0x0303)),
    fields.retry ? RETRY : Buffer.alloc(32, 2),
    vector(1, sessionId),
    u16(cipher),
    Buffer.of(0),
    ...(extensions.length > 0 ? [vector(2, ...extensions)] : []),
  ])
}

export function message(type: number, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(type), vector(3, ...parts)])
}

/** Records of a type; `cut`: bytes of each, at most. */
export function records(type: number, body: Buffer, cut = 16_384): Buffer {
  const all: Buffer[] = []
  for (let at = 0; at < body.length; at += cut) {
    const fragment = body.subarray(at, at + cut)
    all.push(Buffer.concat([Buffer.of(type, 3, 3), vector(2, fragment)]))
  }
  return Buffer.concat(all)
}

export const handshake = (body: Buffer, cut?: number) => records(22, body, cut)
export const changeCipherSpec = records(20, Buffer.of(1))
export const alert = records(21, Buffer.of(2, 40))
/** Encrypted: a Finished of TLS 1.3 takes 53 bytes. */
export const encrypted = (bytes: number) => records(23, Buffer.alloc(bytes, 9))
