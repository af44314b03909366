/** Frames of HTTP/2 by hand, and a wire between a real client and a real server that is heard. */
import { once } from 'node:events'
import net from 'node:net'
import { client, type Row, type Said, server } from '../talk.ts'

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const END_HEADERS = 4
export const PADDED = 8
export const PRIORITY = 0x20

export function frame(
  type: number,
  stream: number,
  { flags = 0, body = '' }: { flags?: number; body?: string | Uint8Array } = {},
): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  const header = Buffer.alloc(9)
  header.writeUIntBE(bytes.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, bytes])
}

/** Fields as literals, which go into no table. */
export function block(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => {
    const length = value.length < 127 ? [value.length] : [127, ...sevens(value.length - 127)]
    return Buffer.concat([Buffer.from(length), Buffer.from(value, 'latin1')])
  }
  const parts = Object.entries(fields).map(([name, value]) => [
    Buffer.of(0),
    text(name),
    text(value),
  ])
  return Buffer.concat(parts.flat())
}

function sevens(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...sevens(value >> 7)]
}

export function headers(
  stream: number,
  fields: Readonly<Record<string, string>>,
  flags = END_HEADERS,
): Buffer {
  return frame(HEADERS, stream, { flags, body: block(fields) })
}

export function request(path: string, more: Readonly<Record<string, string>> = {}) {
  return { ':method': 'GET', ':scheme': 'http', ':path': path, ':authority': 'shop', ...more }
}

export const GRPC = { 'content-type': 'application/grpc', te: 'trailers' }

export const begin: readonly Said[] = [
  client(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0)])),
  server(Buffer.concat([frame(SETTINGS, 0, { body: '\0\x03\0\0\0\x64' })])),
  client(frame(SETTINGS, 0, { flags: 1 })),
  server(frame(SETTINGS, 0, { flags: 1 })),
]

/** What goes through it is forwarded at once, and kept in the order in which it came. */
export class Wire {
  readonly said: Said[] = []
  readonly #server = net.createServer({ allowHalfOpen: true })
  readonly #sockets = new Set<net.Socket>()

  async open(port: number): Promise<number> {
    this.#server.on('connection', (near) => {
      const far = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      this.#forward(near, far, client)
      this.#forward(far, near, server)
    })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as net.AddressInfo).port
  }

  /** All that was said, once both ends have ended their connections. */
  async ended(): Promise<readonly Said[]> {
    await Promise.all([...this.#sockets].map((socket) => socket.closed || once(socket, 'close')))
    return this.said
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #forward(from: net.Socket, to: net.Socket, say: (bytes: Uint8Array) => Said): void {
    from.setNoDelay(true)
    this.#sockets.add(from)
    from.on('data', (bytes) => {
      this.said.push({ ...say(Buffer.from(bytes)), atNs: performance.now() * 1e6 })
      if (to.writable) to.write(bytes)
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
  }
}

/** By stream: where its first frame begins, and the bytes of its messages, in each direction. */
export interface Counted {
  offset: number
  request: number
  response: number
}

/** Counts as a reader does who has all bytes at once. Interim responses are not expected. */
export function countStreams(said: readonly Said[]): Map<number, Counted> {
  const streams = new Map<number, Counted>()
  for (const by of ['client', 'server'] as const) {
    const bytes = Buffer.concat(said.filter((part) => part.by === by).map((part) => part.bytes))
    let at = by === 'client' ? PREFACE.length : 0
    while (at < bytes.length) {
      const length = 9 + bytes.readUIntBE(at, 3)
      const type = bytes[at + 3] as number
      const id = bytes.readUInt32BE(at + 5)
      if (type === DATA || type === HEADERS || type === CONTINUATION) {
        const stream = streams.get(id) ?? { offset: at, request: 0, response: 0 }
        if (by === 'client') stream.request += length
        else stream.response += length
        streams.set(id, stream)
      }
      at += length
    }
  }
  return streams
}

export function sizesOf(rows: readonly Row[]): unknown[] {
  return rows
    .map((row) => [row.request_offset, row.request_bytes, row.response_bytes])
    .sort((a, b) => Number(a[0]) - Number(b[0]))
}
