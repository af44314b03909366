/** DNS messages, byte by byte, and look-ups in datagrams of their own. */
import { flowLog } from '../../../../pipeline/flows/json.ts'
import type { Way } from '../../../../pipeline/requests/datagrams.ts'
import { RowWriter } from '../../../../pipeline/requests/rows.ts'
import { RequestTracker } from '../../../../pipeline/requests/tracker.ts'
import { settingsOf } from '../../surroundings.ts'
import { pieceOf, type Row } from '../talk.ts'

export const TYPE = { A: 1, SOA: 6, TXT: 16, AAAA: 28, OPT: 41, IXFR: 251, AXFR: 252 } as const

export interface MessageOptions {
  readonly id?: number
  readonly type?: number
  /** Beside those that a query or an answer has: TC 0x200. */
  readonly flags?: number
  readonly opcode?: number
  readonly rcode?: number
  readonly questions?: number
  readonly answers?: readonly Buffer[]
  readonly additional?: readonly Buffer[]
}

function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i)
  return bytes
}

export function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  const parts = labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  return Buffer.concat([...parts, Buffer.of(0)])
}

/** A record of the name in the question. */
export function record(type: number, data: Uint8Array, ttl = 60): Buffer {
  return Buffer.concat([u16(0xc00c, type, 1, 0, ttl, data.length), data])
}

/** EDNS: the upper bits of the response code (RFC 6891 §6.1.3). */
export function opt(rcode = 0): Buffer {
  return Buffer.concat([Buffer.of(0), u16(TYPE.OPT, 1232), Buffer.of(rcode >> 4, 0, 0, 0), u16(0)])
}

export function message(name: string, of: MessageOptions & { response: boolean }): Buffer {
  const { id = 1, type = TYPE.A, opcode = 0, rcode = 0, answers = [], additional = [] } = of
  const flags = (of.response ? 0x8180 : 0x0100) | (opcode << 11) | (rcode & 15) | (of.flags ?? 0)
  const questions = of.questions ?? 1
  const header = u16(id, flags, questions, answers.length, 0, additional.length)
  const question = questions === 0 ? [] : [nameBytes(name), u16(type, 1)]
  return Buffer.concat([header, ...question, ...answers, ...additional])
}

export function query(name: string, options: MessageOptions = {}): Buffer {
  return message(name, { additional: [opt()], ...options, response: false })
}

export function answer(name: string, options: MessageOptions = {}): Buffer {
  return message(name, { additional: [opt(options.rcode)], ...options, response: true })
}

/** As over TCP: behind its length. */
export function framed(...messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((each) => [u16(each.length), each]))
}

export const mapped = (...last: number[]): Uint8Array =>
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...last)

export interface DatagramOptions {
  readonly sent: boolean
  readonly way?: Partial<Way>
  readonly captured?: number
  readonly tid?: number
  readonly sleeps?: number
  readonly pid?: number
}

const WAY: Way = {
  localAddress: mapped(10, 0, 0, 1),
  remoteAddress: mapped(10, 0, 0, 2),
  localPort: 40_000,
  remotePort: 53,
  netns: 1,
  cgroupLo: 0,
  cgroupHi: 0,
  pid: 1,
  comm: 'test',
}

/** The other end of the same. */
export const SERVER_WAY: Partial<Way> = {
  localAddress: WAY.remoteAddress,
  remoteAddress: WAY.localAddress,
  localPort: WAY.remotePort,
  remotePort: WAY.localPort,
}

const DATAGRAM_NS = 1_000_000

/** Datagrams as the search for requests is given them, a millisecond apart. */
export class Post {
  readonly settings = settingsOf()
  readonly tracker: RequestTracker
  readonly #writer: RowWriter
  readonly #rows: Row[] = []
  ns = 1_000_000_000

  constructor(over: { exchangesMax?: number; offset?: [number, number] } = {}) {
    this.#writer = new RowWriter({
      rowsMax: 1000,
      clock: { offset: over.offset ?? [0, 0] },
      lossEpoch: () => 0,
      full: (batch) => this.#take(batch),
    })
    this.tracker = new RequestTracker(
      {
        query: 'redact',
        dnsTimeoutNs: 10e9,
        pipelinedMax: 128,
        exchangesMax: over.exchangesMax ?? 1000,
        openAfterNs: 1e12,
        openAgainNs: 1e12,
      },
      {
        ledger: this.settings.ledger,
        rows: this.#writer,
        lossEpoch: () => 0,
        losing: () => false,
        threadsKnown: true,
      },
    )
  }

  /** Whether it was read. */
  give(bytes: Uint8Array, options: DatagramOptions): boolean {
    const { sent, way, captured, tid = 1, pid = 1, sleeps = 0 } = options
    this.ns += DATAGRAM_NS
    const piece = pieceOf(Buffer.from(bytes.subarray(0, captured ?? bytes.length)), bytes.length)
    Object.assign(piece, { sent, timeNs: this.ns, tid, pid, sleeps })
    return this.tracker.datagram({ ...WAY, ...way }, piece)
  }

  /** One of a client's own end. */
  asks(bytes: Uint8Array, way?: Partial<Way>): this {
    this.give(bytes, { sent: true, ...(way !== undefined && { way }) })
    return this
  }

  hears(bytes: Uint8Array, way?: Partial<Way>): this {
    this.give(bytes, { sent: false, ...(way !== undefined && { way }) })
    return this
  }

  wait(seconds: number): this {
    this.ns += seconds * 1e9
    this.tracker.sweep(this.ns)
    return this
  }

  /** Of exchanges that have ended, so far. */
  rows(): Row[] {
    const last = this.#writer.take()
    if (last !== undefined) this.#take(last)
    return this.#rows
  }

  get notes(): Readonly<Record<string, number>> {
    this.tracker.sweep(this.ns)
    return Object.fromEntries(this.settings.ledger.notes)
  }

  #take(batch: Parameters<typeof flowLog>[0]): void {
    const line = flowLog(batch)
    for (let row = 0; row < batch.rows; row++) this.#rows.push(JSON.parse(line(row)) as Row)
  }
}
