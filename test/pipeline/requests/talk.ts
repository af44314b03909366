/** What the two ends of a connection say, given to the search for requests as pieces. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import { CLOSE_REASON, type CloseReason, ROLE, TRANSPORT } from '../../../pipeline/flows/schema.ts'
import type { Connection } from '../../../pipeline/requests/connection.ts'
import { Piece } from '../../../pipeline/requests/piece.ts'
import type { Remembered } from '../../../pipeline/requests/remembered.ts'
import { RowWriter } from '../../../pipeline/requests/rows.ts'
import type { QueryPolicy } from '../../../pipeline/requests/target.ts'
import { RequestTracker } from '../../../pipeline/requests/tracker.ts'
import { settingsOf } from '../surroundings.ts'

/** What one end sends at once. */
export interface Said {
  readonly by: 'client' | 'server'
  readonly bytes: Uint8Array
  /** Of real traffic; otherwise a millisecond after what was said before. */
  readonly atNs?: number
}

export type Row = Readonly<Record<string, string | number | boolean>>

export interface TalkOptions {
  /** Whose end is seen. */
  readonly role?: 'client' | 'server'
  /** How many bytes each end has said before the first one that is seen. */
  readonly before?: number
  /** What whoever followed the connection before knew of it. */
  readonly remembered?: Remembered
  /** The server's port. */
  readonly port?: number
  readonly query?: QueryPolicy
  /** Lengths of the pieces that the next bytes come in; default: each `Said` is one piece. */
  readonly cuts?: () => number
  /** How many bytes of a piece of that length are known; default all. */
  readonly captured?: (length: number) => number
  /** Pieces that are not seen. */
  readonly missing?: () => boolean
}

export function client(bytes: string | Uint8Array): Said {
  return { by: 'client', bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes }
}

export function server(bytes: string | Uint8Array): Said {
  return { by: 'server', bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes }
}

const PIECE_NS = 1_000_000

export class Talk {
  readonly settings = settingsOf()
  readonly #rows: Row[] = []
  readonly #writer: RowWriter
  readonly #tracker: RequestTracker
  #connection: Connection
  readonly #options: TalkOptions
  #offsets: { client: number; server: number }
  #ns = 1_000_000_000

  constructor(options: TalkOptions = {}) {
    this.#options = options
    this.#offsets = { client: options.before ?? 0, server: options.before ?? 0 }
    this.#writer = new RowWriter({
      rowsMax: 1000,
      clock: { offset: [0, 0] },
      lossEpoch: () => 0,
      full: (batch) => this.#take(batch),
    })
    this.#tracker = new RequestTracker(
      {
        query: options.query ?? 'redact',
        dnsTimeoutNs: 10e9,
        pipelinedMax: 128,
        exchangesMax: 1000,
        openAfterNs: 1e9,
        openAgainNs: 60e9,
      },
      {
        ledger: this.settings.ledger,
        rows: this.#writer,
        lossEpoch: () => 0,
        losing: () => false,
        threadsKnown: true,
      },
    )
    this.#connection = connectionOf(options)
  }

  say(...all: readonly Said[]): this {
    for (const { by, bytes, atNs } of all) {
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(this.#options.cuts?.() ?? bytes.length, bytes.length - at)
        this.#ns = atNs ?? this.#ns + PIECE_NS
        this.#piece(by, bytes.subarray(at, at + length))
        at += length
      }
    }
    return this
  }

  /** Bytes of which nothing but their number is known. */
  skip(by: Said['by'], length: number): this {
    this.#ns += PIECE_NS
    this.#feed(by, Buffer.alloc(0), length)
    return this
  }

  /** Where of that end's bytes something is wanted again: see Parser. */
  wantedFrom(by: Said['by']): number | undefined {
    const { conversation, role } = this.#connection
    return conversation?.wantedFrom((by === 'client') === (role === ROLE.client))
  }

  /** The connection ends, and what is said from now on is said on another one. */
  reconnect(): this {
    this.#connection.conversation?.finish(this.#ns)
    this.#connection = connectionOf(this.#options)
    this.#offsets = { client: 0, server: 0 }
    return this
  }

  /** The connection ends. Gives the rows of exchanges, in the order in which they ended. */
  end(): Row[] {
    this.#connection.conversation?.finish(this.#ns)
    return this.rows()
  }

  /**
   * The connection ends, and it is known how.
   * @param answered bytes that the server has sent in all; as many as were said, if not given
   */
  close(reason: CloseReason, answered = this.#offsets.server): Row[] {
    this.#connection.conversation?.finish(this.#ns, { reason: CLOSE_REASON[reason], answered })
    return this.rows()
  }

  /** So far, without an end of the connection. */
  rows(): Row[] {
    this.#tracker.sweep(this.#ns)
    const last = this.#writer.take()
    if (last !== undefined) this.#take(last)
    return this.#rows
  }

  /** Time goes by: messages that only silence ends are over. */
  wait(ms: number): this {
    this.#ns += ms * 1e6
    this.#tracker.sweep(this.#ns)
    return this
  }

  /** What another parser would need to go on. */
  get remembered(): Remembered | undefined {
    return this.#connection.conversation?.remembered
  }

  get notes(): Readonly<Record<string, number>> {
    this.#tracker.sweep(this.#ns)
    return Object.fromEntries(this.settings.ledger.notes)
  }

  /** What a handshake on the connection showed. */
  get tls(): Connection['tls'] {
    return this.#connection.tls
  }

  memory(): ReturnType<RequestTracker['memory']> {
    return this.#tracker.memory()
  }

  #piece(by: Said['by'], bytes: Uint8Array): void {
    if (this.#options.missing?.()) {
      this.#offsets[by] += bytes.length
      return
    }
    const captured = Math.min(this.#options.captured?.(bytes.length) ?? bytes.length, bytes.length)
    this.#feed(by, Buffer.from(bytes.subarray(0, captured)), bytes.length)
  }

  #feed(by: Said['by'], known: Buffer, length: number): void {
    const piece = pieceOf(known, length)
    piece.sent = by === (this.#options.role ?? 'client')
    piece.offset = this.#offsets[by]
    piece.timeNs = this.#ns
    this.#offsets[by] += length
    this.#tracker.conversationOf(this.#connection).feed(piece)
    this.#tracker.bound()
  }

  #take(batch: FlowBatch): void {
    const line = flowLog(batch)
    for (let row = 0; row < batch.rows; row++) this.#rows.push(JSON.parse(line(row)) as Row)
  }
}

/** A piece of that length, of which the first bytes are known. */
export function pieceOf(known: Buffer, length: number): Piece {
  const piece = new Piece()
  piece.length = length
  piece.captured = known.length
  piece.bytes = Buffer.concat([Buffer.alloc(8), known])
  piece.at = 8
  piece.tailEnd = known.length === length ? 8 + length : 8
  piece.pid = 1
  piece.tid = 1
  return piece
}

export function connectionOf(options: TalkOptions): Connection {
  const { role = 'client', port = 80, remembered } = options
  const address = (last: number) =>
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last)
  return {
    transport: TRANSPORT.tcp,
    role: ROLE[role],
    flowLo: 1,
    flowHi: 2,
    idLocal: false,
    srcAddress: address(1),
    dstAddress: address(2),
    srcPort: 40_000,
    dstPort: port,
    netns: 1,
    cgroupLo: 0,
    cgroupHi: 0,
    startNs: 1,
    connectTid: 0,
    connectSleeps: 0,
    connectUs: 1,
    pid: 1,
    comm: 'test',
    srttUs: 1,
    minRttUs: 1,
    retransmits: 0,
    conversation: undefined,
    written: undefined,
    remembered,
    tls: undefined,
  }
}

/** Of an exchange, all that does not depend on how its bytes came. */
export function essence(row: Row): Row {
  const { start, end, latency_ms, ttfb_us, duration_us, ...rest } = row
  return rest
}

const PORTS = [80, 53, 443, 3306, 5432, 6379, 9092, 11_211]

/**
 * What every parser owes, by valid conversations of its protocol: cuts change nothing, missing and
 * hostile bytes neither throw nor loop nor grow memory, and the rows that there are stay in bounds.
 */
export function parserSuite(
  name: string,
  { conversations, port }: { conversations: readonly (readonly Said[])[]; port: number },
): void {
  const conversation = fc.constantFrom(...conversations)
  const length = fc.integer({ min: 1, max: 40 })

  for (const role of ['client', 'server'] as const) {
    test(`${name}: any cut of a conversation gives the same exchanges (${role})`, () => {
      fc.assert(
        fc.property(conversation, fc.infiniteStream(length), (said, lengths) => {
          const whole = new Talk({ role, port }).say(...said).end()
          assert.ok(whole.length > 0)
          const cuts = () => lengths.next().value as number
          const cut = new Talk({ role, port, cuts }).say(...said).end()
          assert.deepEqual(cut.map(essence), whole.map(essence))
        }),
        { numRuns: 200 },
      )
    })
  }

  test(`${name}: pieces that are missing, or known in part, make no exchange wrong`, () => {
    const chance = fc.infiniteStream(fc.nat(9))
    fc.assert(
      fc.property(conversation, fc.infiniteStream(length), chance, (said, lengths, chances) => {
        const whole = new Talk({ port }).say(...said).end()
        const asked = new Set(whole.map((row) => `${row.method} ${row.target ?? ''}`))
        const talk = new Talk({
          port,
          cuts: () => lengths.next().value as number,
          missing: () => chances.next().value === 0,
          // Short pieces come whole, of long ones the beginning.
          captured: (all) => (all > 24 && chances.next().value === 0 ? Math.floor(all / 2) : all),
        })
        const rows = talk.say(...said).end()
        assert.ok(rows.length <= whole.length * 2 + 2)
        // What was read in part is marked, and may lack its end.
        const isUnmarked = (row: Row) => !row.truncated && !row.desynchronised
        for (const row of rows.filter(isUnmarked)) {
          assert.ok(asked.has(`${row.method} ${row.target ?? ''}`), JSON.stringify(row))
        }
      }),
      { numRuns: 300 },
    )
  })

  test(`${name}: what is heard from its midst on makes no exchange wrong`, () => {
    const skipped = fc.record({ said: fc.nat(8), bytes: fc.nat(60) })
    const cut = fc.option(length)
    fc.assert(
      fc.property(conversation, skipped, cut, fc.boolean(), (said, skip, cutLength, isServer) => {
        const whole = new Talk({ port }).say(...said).end()
        const asked = new Set(whole.map((row) => `${row.method} ${row.target ?? ''}`))
        const [first, ...rest] = said.slice(skip.said)
        if (first === undefined) return
        const { by, bytes } = first
        const talk = new Talk({
          port,
          before: 10_000,
          role: isServer ? 'server' : 'client',
          ...(cutLength === null ? {} : { cuts: () => cutLength }),
        })
        const rows = talk.say({ by, bytes: bytes.subarray(skip.bytes) }, ...rest).end()
        assert.ok(rows.length <= whole.length + 1)
        for (const row of rows.filter((of) => !of.truncated && !of.desynchronised)) {
          assert.ok(asked.has(`${row.method} ${row.target ?? ''}`), JSON.stringify(row))
        }
      }),
      { numRuns: 300 },
    )
  })

  test(`${name}: hostile bytes neither throw nor loop nor grow memory`, () => {
    const change = fc.tuple(fc.nat(), fc.nat(255))
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(
        conversation,
        fc.array(change, { minLength: 1, maxLength: 20 }),
        fc.array(fc.tuple(fc.boolean(), bytes), { maxLength: 5 }),
        fc.infiniteStream(length),
        fc.constantFrom(port, ...PORTS),
        (said, changes, more, lengths, to) => {
          const changed = said.map(({ by, bytes }) => ({ by, bytes: Uint8Array.from(bytes) }))
          for (const [at, byte] of changes) {
            const part = changed[at % changed.length] as { bytes: Uint8Array }
            if (part.bytes.length > 0) part.bytes[at % part.bytes.length] = byte
          }
          const talk = new Talk({ port: to, cuts: () => lengths.next().value as number })
          talk.say(...changed)
          for (const [isClient, extra] of more) {
            talk.say({ by: isClient ? 'client' : 'server', bytes: extra })
          }
          const before = talk.memory()
          assert.ok(before.headBytes <= 1 << 20)
          talk.end()
          assert.equal(talk.memory().headBytes, 0)
          assert.equal(talk.memory().openExchanges, 0)
        },
      ),
      { numRuns: 500 },
    )
  })
}
