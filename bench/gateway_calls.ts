/**
 * Unary gRPC calls over a connection of an agent's own, written as frames made beforehand (RFC
 * 9113): node:http2 takes as much CPU to send a small request as a gateway takes for all of it, and
 * both share the machine's cores. Headers are literals (RFC 7541, 6.2.2), the same in each call.
 */
import { connect, type Socket } from 'node:net'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const FRAME_HEAD_BYTES = 9
/** What every peer takes. */
const FRAME_BYTES_MAX = 16_384
/** Until the peer has said more. */
const WINDOW_BYTES = 65_535
const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8 } as const
const END_STREAM = 1
const END_HEADERS = 4
const ACK = 1

export interface Answered {
  /** A message came, which comes with no error. */
  readonly ok: boolean
}

/** A call's frames, whose stream is filled in when it is sent. */
export function callFrames(path: string, message: Uint8Array): Buffer {
  const block = Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http
    literal(4, path),
    literal(1, 'localhost'),
    literal(31, 'application/grpc'),
    literal('te', 'trailers'),
    literal('grpc-encoding', 'gzip'),
  ])
  const frames = [frame(TYPE.headers, END_HEADERS, block)]
  for (let at = 0; at < message.length; at += FRAME_BYTES_MAX) {
    const flags = at + FRAME_BYTES_MAX < message.length ? 0 : END_STREAM
    frames.push(frame(TYPE.data, flags, message.subarray(at, at + FRAME_BYTES_MAX)))
  }
  return Buffer.concat(frames)
}

export class Calls {
  readonly #socket: Socket
  readonly #answered: (answered: Answered) => void
  /** Calls that wait for room in the connection's window. */
  readonly #waiting: Buffer[] = []
  /** Streams that are open, and whether a message has come. */
  readonly #open = new Map<number, boolean>()
  #window = WINDOW_BYTES
  #stream = 1
  #rest: Buffer = Buffer.alloc(0)

  constructor(endpoint: string, answered: (answered: Answered) => void) {
    const [host, port] = endpoint.split(':')
    this.#answered = answered
    this.#socket = connect({ host: host as string, port: Number(port), noDelay: true })
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('error', () => {})
    this.#socket.once('close', () => this.close())
    // No table, so that nothing of it need be kept.
    const noTable = Buffer.from([0, 1, 0, 0, 0, 0])
    this.#socket.write(Buffer.concat([Buffer.from(PREFACE), frame(TYPE.settings, 0, noTable)]))
  }

  /** @param frames of `callFrames`, which are this connection's until they are answered */
  send(frames: Buffer): void {
    this.#waiting.push(frames)
    this.#write()
  }

  close(): void {
    this.#socket.destroy()
    for (const _ of this.#waiting.splice(0)) this.#answered({ ok: false })
    for (const _ of this.#open.keys()) this.#answered({ ok: false })
    this.#open.clear()
  }

  #write(): void {
    for (let frames = this.#waiting[0]; frames !== undefined; frames = this.#waiting[0]) {
      // With its headers, which do not count: less than may be is always allowed.
      if (frames.length > this.#window) return
      this.#waiting.shift()
      this.#window -= frames.length
      for (let at = 0; at < frames.length; ) {
        frames.writeUInt32BE(this.#stream, at + 5)
        if (frames[at + 3] === TYPE.headers) this.#window += frameEnd(frames, at) - at
        else this.#window += FRAME_HEAD_BYTES
        at = frameEnd(frames, at)
      }
      this.#open.set(this.#stream, false)
      this.#stream += 2
      this.#socket.write(frames)
    }
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at + FRAME_HEAD_BYTES <= bytes.length && frameEnd(bytes, at) <= bytes.length) {
      this.#frame(bytes.subarray(at, frameEnd(bytes, at)))
      at = frameEnd(bytes, at)
    }
    this.#rest = bytes.subarray(at)
  }

  #frame(bytes: Buffer): void {
    const [type, flags] = [bytes[3] as number, bytes[4] as number]
    const stream = bytes.readUInt32BE(5)
    const content = bytes.subarray(FRAME_HEAD_BYTES)
    const isRequest = (flags & ACK) === 0
    if (type === TYPE.settings && isRequest) this.#socket.write(frame(TYPE.settings, ACK))
    else if (type === TYPE.ping && isRequest) this.#socket.write(frame(TYPE.ping, ACK, content))
    else if (type === TYPE.window && stream === 0) {
      this.#window += content.readUInt32BE(0)
      this.#write()
    } else if (type === TYPE.data) this.#open.set(stream, true)
    else if (type === TYPE.goaway) this.close()
    const ends = type === TYPE.headers && (flags & END_STREAM) !== 0
    if (ends || type === TYPE.reset) this.#end(stream)
  }

  #end(stream: number): void {
    const ok = this.#open.get(stream)
    if (ok === undefined) return
    this.#open.delete(stream)
    this.#answered({ ok })
  }
}

function frameEnd(bytes: Buffer, at: number): number {
  return at + FRAME_HEAD_BYTES + bytes.readUIntBE(at, 3)
}

function frame(type: number, flags: number, content: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + content.length)
  bytes.writeUIntBE(content.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.set(content, FRAME_HEAD_BYTES)
  return bytes
}

/** Without indexing; the name is an index of the static table, or a text. */
function literal(name: number | string, value: string): Buffer {
  if (typeof name === 'string') return Buffer.concat([Buffer.of(0), text(name), text(value)])
  const index = name < 15 ? [name] : [15, name - 15]
  return Buffer.concat([Buffer.from(index), text(value)])
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value)])
}
