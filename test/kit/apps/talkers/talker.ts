/** A client of one protocol on one connection, whose requests have numbers. */
import { connect, type Socket } from 'node:net'

/** One request as its client knows it; times are of the wall clock, in milliseconds. */
export interface Told {
  readonly protocol: string
  readonly id: number
  readonly port: number
  /** As its row has it; undefined: none. */
  readonly error: string | undefined
  /** As a row has them; 0: not compared. */
  readonly requestBytes: number
  readonly responseBytes: number
  /** Sent before the answers to those before had come. */
  readonly isPipelined: boolean
  readonly startMs: number
  readonly endMs: number
}

/** What a request says, and how its row is to fail. */
export interface Numbered {
  readonly bytes: Buffer
  readonly error?: string
}

export interface Protocol {
  readonly name: string
  /** Bytes of the first answer in what has come so far; 0: it is not whole. */
  answer(come: Buffer): number
  request(id: number): Numbered
  /** Each is answered before the next is sent. */
  readonly hello: readonly ((come: Buffer) => Buffer)[]
  /** What the server says first, if it does. */
  readonly isGreeted?: boolean
}

/** A stream of bytes, read answer by answer. */
export class Talker {
  readonly protocol: Protocol
  readonly #socket: Socket
  #come = Buffer.alloc(0)
  #wake = () => {}

  private constructor(protocol: Protocol, socket: Socket) {
    this.protocol = protocol
    this.#socket = socket
    socket.on('data', (more: Buffer) => {
      this.#come = Buffer.concat([this.#come, more])
      this.#wake()
    })
  }

  static async open(protocol: Protocol, host: string, port: number): Promise<Talker> {
    const socket = connect(port, host).setNoDelay()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    socket.once('connect', resolve).on('error', reject)
    await promise
    const talker = new Talker(protocol, socket)
    let said = protocol.isGreeted === true ? await talker.#take() : Buffer.alloc(0)
    for (const next of protocol.hello) {
      socket.write(next(said))
      said = await talker.#take()
    }
    return talker
  }

  get port(): number {
    return this.#socket.localPort as number
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** Bytes of the next answer. */
  async answer(): Promise<number> {
    return (await this.#take()).length
  }

  async #take(): Promise<Buffer> {
    for (;;) {
      const length = this.#come.length === 0 ? 0 : this.protocol.answer(this.#come)
      if (length > 0) {
        const taken = this.#come.subarray(0, length)
        this.#come = this.#come.subarray(length)
        return taken
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Closes it; what went over it. */
  async end(): Promise<{ bytesSent: number; bytesReceived: number }> {
    const socket = this.#socket
    const { bytesWritten: bytesSent, bytesRead: bytesReceived } = socket
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.once('close', () => resolve()).end()
    await promise
    return { bytesSent, bytesReceived }
  }
}
