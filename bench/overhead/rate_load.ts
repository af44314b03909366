/**
 * HTTP/1.1 at a fixed rate, in an open loop: a request goes out when it is due, whether the one
 * before has been answered or not, and its latency counts from when it was due. Each connection is
 * closed after so many requests.
 *
 * A process of its own, for the bench holds the kernel programs and so counts as flowspan itself.
 * It answers each message: an Order begins a rate, `take` gives what came since.
 */
import { connect, type Socket } from 'node:net'

const HOST = '127.0.0.1'
const TICK_MS = 1
const CONNECTIONS = 16
const PER_CONNECTION = 100
/** Of latencies: 1 µs to 1 s, 2 % apart. */
const STEP = 1.02
const BUCKETS = Math.ceil(Math.log(1e6) / Math.log(STEP)) + 1

export interface Order {
  readonly port: number
  /** 0: ends it. */
  readonly perSecond: number
}

export interface Taken {
  readonly requests: number
  readonly connections: number
  readonly seconds: number
  /** Of the requests that were answered. */
  readonly p50Us: number
  readonly p99Us: number
}

class Connection {
  readonly socket: Socket
  readonly #due: number[] = []
  readonly #answered: (dueMs: number) => void
  #sent = 0
  #received = 0
  #responseBytes = 0

  constructor(port: number, answered: (dueMs: number) => void) {
    this.#answered = answered
    this.socket = connect(port, HOST)
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.socket.on('error', () => this.socket.destroy())
  }

  get isUsedUp(): boolean {
    return this.#sent === PER_CONNECTION
  }

  get isIdle(): boolean {
    return this.#due.length === 0
  }

  send(request: string, dueMs: number): void {
    this.#sent++
    this.#due.push(dueMs)
    this.socket.write(request)
  }

  /** All responses are alike: the first says how long they are. */
  #read(chunk: Buffer): void {
    if (this.#responseBytes === 0) {
      const body = chunk.indexOf('\r\n\r\n') + 4
      const length = /content-length: (\d+)/i.exec(chunk.toString('latin1', 0, body))
      this.#responseBytes = body + Number(length?.[1])
    }
    this.#received += chunk.length
    for (; this.#received >= this.#responseBytes; this.#received -= this.#responseBytes) {
      this.#answered(this.#due.shift() as number)
    }
    if (this.isUsedUp && this.isIdle) this.socket.end()
  }
}

class RateLoad {
  #order: Order = { port: 0, perSecond: 0 }
  #connections: Connection[] = []
  readonly #latencies = new Uint32Array(BUCKETS)
  #opened = 0
  #answered = 0
  #sent = 0
  #beganMs = 0
  #takenMs = 0

  constructor() {
    setInterval(() => this.#tick(), TICK_MS)
  }

  begin(order: Order): void {
    for (const { socket } of this.#connections) socket.destroy()
    this.#connections = []
    this.#order = order
    this.#sent = 0
    this.#beganMs = performance.now()
    this.take()
  }

  take(): Taken {
    const nowMs = performance.now()
    const taken = {
      requests: this.#answered,
      connections: this.#opened,
      seconds: (nowMs - this.#takenMs) / 1000,
      p50Us: this.#quantile(0.5),
      p99Us: this.#quantile(0.99),
    }
    this.#answered = 0
    this.#opened = 0
    this.#takenMs = nowMs
    this.#latencies.fill(0)
    return taken
  }

  #tick(): void {
    const { port, perSecond } = this.#order
    if (perSecond === 0) return
    const nowMs = performance.now()
    const request = `GET /item HTTP/1.1\r\nHost: ${HOST}:${port}\r\n\r\n`
    for (;;) {
      const dueMs = this.#beganMs + (this.#sent * 1000) / perSecond
      if (dueMs > nowMs) return
      this.#connection(this.#sent % CONNECTIONS).send(request, dueMs)
      this.#sent++
    }
  }

  #connection(at: number): Connection {
    const current = this.#connections[at]
    if (current !== undefined && !current.isUsedUp && !current.socket.destroyed) return current
    const next = new Connection(this.#order.port, (dueMs) => this.#count(performance.now() - dueMs))
    this.#connections[at] = next
    this.#opened++
    return next
  }

  #count(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(1, ms * 1000)) / Math.log(STEP))
    const at = Math.min(BUCKETS - 1, bucket)
    this.#latencies[at] = (this.#latencies[at] as number) + 1
    this.#answered++
  }

  #quantile(share: number): number {
    if (this.#answered === 0) return Number.NaN
    let left = share * this.#answered
    for (const [bucket, count] of this.#latencies.entries()) {
      left -= count
      if (left <= 0) return STEP ** (bucket + 0.5)
    }
    return Number.NaN
  }
}

if (import.meta.main) {
  const load = new RateLoad()
  process.on('message', (message: Order | 'take') => {
    if (message === 'take') process.send?.(load.take())
    else process.send?.(load.begin(message) ?? 'begun')
  })
}
