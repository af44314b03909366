/**
 * Requests at a fixed rate over kept connections, each closed after so many requests.
 *
 * A process of its own, `node steady_load.ts PORT`, for the bench holds the kernel programs and so
 * counts as flowspan itself. Told a rate and seconds by message, it answers with what it sent.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const HOST = '127.0.0.1'
const TICK_MS = 10
/** Requests on a connection before it is closed and another opened. */
const PER_CONNECTION = 100

export interface Order {
  readonly perSecond: number
  readonly seconds: number
}

export interface Sent {
  readonly sent: number
  readonly connections: number
  readonly seconds: number
}

class SteadyLoad {
  readonly #port: number
  readonly #request: string
  #socket: Socket | undefined
  #onSocket = 0
  #connections = 0
  #received = 0

  constructor(port: number) {
    this.#port = port
    this.#request = `GET /item HTTP/1.1\r\nHost: ${HOST}:${port}\r\n\r\n`
  }

  /** One request after another, as many as are due at each tick. */
  async run({ perSecond, seconds }: Order): Promise<Sent> {
    const from = performance.now()
    const connectionsBefore = this.#connections
    let sent = 0
    while (performance.now() - from < seconds * 1000) {
      const due = ((performance.now() - from) / 1000) * perSecond
      for (; sent < due; sent++) await this.#exchange()
      await delay(TICK_MS)
    }
    return {
      sent,
      connections: this.#connections - connectionsBefore,
      seconds: (performance.now() - from) / 1000,
    }
  }

  async #exchange(): Promise<void> {
    const socket = this.#current()
    const answered = new Promise<void>((resolve, reject) => {
      this.#received = 0
      socket.once('error', reject)
      socket.on('data', (chunk) => {
        // 1 KiB of body and less than that of head, in one piece or two.
        this.#received += chunk.length
        if (this.#received <= 1024) return
        socket.removeAllListeners()
        resolve()
      })
    })
    socket.write(this.#request)
    await answered
  }

  #current(): Socket {
    if (this.#socket === undefined || this.#onSocket === PER_CONNECTION) {
      this.#socket?.end()
      this.#socket = connect(this.#port, HOST)
      this.#socket.setNoDelay(true)
      this.#onSocket = 0
      this.#connections++
    }
    this.#onSocket++
    return this.#socket
  }
}

if (import.meta.main) {
  const load = new SteadyLoad(Number(process.argv[2]))
  process.on('message', async (order: Order) => process.send?.(await load.run(order)))
}
