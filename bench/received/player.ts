/**
 * Plays records through the receiver of the tree that it is given, from the ring to rows. The ring
 * is memory of its form.
 */
import { join } from 'node:path'
import { pino } from 'pino'
import type * as origins from '../../pipeline/flows/origin.ts'
import {
  CONN_STATE,
  ConnRecord,
  PayloadRecord,
  WANT_LIMIT,
  Want,
} from '../../pipeline/kernel_events/events.gen.ts'
import type * as kernelEvents from '../../pipeline/kernel_events/kernel_events.ts'
import type * as ledgers from '../../pipeline/ledger.ts'
import type * as configs from '../../receivers/ebpf/config.ts'
import type * as rings from '../../receivers/ebpf/ring.ts'
import type * as wanted from '../../receivers/ebpf/wants.ts'
import { End, REQUEST, RESPONSE } from '../recorded.ts'

const tree = process.argv[2] as string
const load = async <T>(path: string) => (await import(join(tree, path))) as T
const { Origin, hostNames } = await load<typeof origins>('pipeline/flows/origin.ts')
const { KernelEvents } = await load<typeof kernelEvents>('pipeline/kernel_events/kernel_events.ts')
const { Ledger } = await load<typeof ledgers>('pipeline/ledger.ts')
const { schema } = await load<typeof configs>('receivers/ebpf/config.ts')
const { RingReader } = await load<typeof rings>('receivers/ebpf/ring.ts')
const { Wants } = await load<typeof wanted>('receivers/ebpf/wants.ts')

const PAGE = 4096
const RING_BYTES = 32 << 20
const CONNECTIONS = 64
const EXCHANGES = 5000
/** Of one look at the rings. */
const LOOK_RECORDS = 2000

/** Requests that a service has open at a time, each of which makes it call another. */
const AT_A_TIME = 8
const SERVICE = 1001

interface Load {
  readonly heads: readonly [request: Buffer, response: Buffer]
  /** One thread reads requests, and asks another service for each, before it answers them. */
  readonly calls?: boolean
  /** Each exchange has a connection of its own, which was opened before. */
  readonly fresh?: boolean
}

const SHORT = [
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  Buffer.from('HTTP/1.1 204 OK\r\n\r\n'),
] as const

const LOADS: Readonly<Record<string, Load>> = {
  'usual heads': { heads: [REQUEST, RESPONSE] },
  'short heads': { heads: SHORT },
  'short heads, calls': { heads: SHORT, calls: true },
  'short heads, a connection each': { heads: SHORT, fresh: true },
}

/** One receiver, its ring, and connections of a load that go on from round to round. */
class Played {
  readonly #load: Load
  #ends: readonly (readonly [client: End, server: End])[] = []
  #connections = 0
  readonly #events: kernelEvents.KernelEvents
  readonly #producer = new ArrayBuffer(PAGE + 2 * RING_BYTES)
  readonly #bytes = new Uint8Array(this.#producer, PAGE)
  readonly #headers = new DataView(this.#producer, PAGE)
  readonly #reader = new RingReader(new ArrayBuffer(PAGE), this.#producer, PAGE)
  #position = 0
  #rows = 0

  constructor(load: Load) {
    this.#load = load
    const wants = new Wants(new ArrayBuffer(WANT_LIMIT.WANTS_MAX * Want.size))
    this.#events = new KernelEvents(schema.parse({}), {
      ledger: new Ledger(pino({ enabled: false })),
      origin: new Origin(hostNames({ id: 'machine', name: 'worker', node: '' })),
      counters: { read: () => 0 },
      first: true,
      dropReasons: [],
      send: (batch) => {
        this.#rows += batch.rows
      },
      tellWanted: (id, conversation) => wants.tell(id, conversation),
    })
    if (!load.fresh) this.#open(CONNECTIONS)
  }

  /** Instead of those that there are. */
  #open(count: number): void {
    for (const end of this.#ends.flat()) {
      this.#events.connectionRecord(
        viewOf(end.connection(CONN_STATE.CONN_CLOSED)),
        0,
        ConnRecord.size,
      )
    }
    this.#events.settle(this.#position)
    this.#ends = Array.from({ length: count }, () => {
      const flow = ++this.#connections
      const ends = [new End(2 * flow, flow, 0), new End(2 * flow + 1, flow, 1)] as const
      for (const end of ends)
        this.#events.connectionRecord(
          viewOf(end.connection(CONN_STATE.CONN_OPEN)),
          0,
          ConnRecord.size,
        )
      return ends
    })
    this.#events.flush()
  }

  #write(record: Uint8Array): void {
    for (const at of [this.#position % RING_BYTES, (this.#position % RING_BYTES) + RING_BYTES]) {
      if (at + 8 + record.length > 2 * RING_BYTES) continue
      this.#headers.setUint32(at, record.length, true)
      this.#bytes.set(record, at + 8)
    }
    this.#position += 8 + Math.ceil(record.length / 8) * 8
  }

  #fill(): void {
    if (this.#load.fresh) this.#open(EXCHANGES)
    if (this.#load.calls) this.#fillWithCalls()
    else this.#fillInTurns()
    new BigUint64Array(this.#producer, 0, 1)[0] = BigInt(this.#position)
  }

  #fillInTurns(): void {
    const [request, response] = this.#load.heads
    for (let i = 0; i < EXCHANGES; i++) {
      const [client, server] = this.#endsOf(i)
      this.#write(client.piece(true, request))
      this.#write(server.piece(false, request))
      this.#write(server.piece(true, response))
      this.#write(client.piece(false, response))
    }
  }

  #fillWithCalls(): void {
    const [request, response] = this.#load.heads
    for (let i = 0; i < EXCHANGES; i += AT_A_TIME) {
      const group = Array.from({ length: AT_A_TIME }, (_, j) => this.#endsOf(i + j))
      for (const [called, asked] of group) {
        this.#write(ofService(asked.piece(false, request)))
        this.#write(ofService(called.piece(true, request)))
      }
      for (const [called, asked] of group) {
        this.#write(ofService(called.piece(false, response)))
        this.#write(ofService(asked.piece(true, response)))
      }
    }
  }

  #endsOf(exchange: number): readonly [client: End, server: End] {
    return this.#ends[exchange % this.#ends.length] as readonly [End, End]
  }

  /** Nanoseconds of CPU time a row. */
  round(): number {
    this.#fill()
    this.#rows = 0
    const [events, reader] = [this.#events, this.#reader]
    const before = process.cpuUsage()
    while (reader.pending() > 0) {
      events.look(0, [0, 0])
      reader.drain(events.payloadRecord, { limit: LOOK_RECORDS })
      events.settle(reader.position())
      events.sweep()
    }
    events.flush()
    const { user, system } = process.cpuUsage(before)
    if (this.#rows !== 2 * EXCHANGES) throw new Error(`${this.#rows} rows of ${2 * EXCHANGES}`)
    return ((user + system) * 1000) / this.#rows
  }
}

/** A piece that the service's one thread has read or written. */
function ofService(piece: Uint8Array): Uint8Array {
  const view = viewOf(piece)
  view.setUint32(PayloadRecord.pid, SERVICE, true)
  view.setUint32(PayloadRecord.tid, SERVICE, true)
  return piece
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

const played = new Map<string, Played>()

process.on('message', (load: string) => {
  const known = played.get(load) ?? new Played(LOADS[load] as Load)
  played.set(load, known)
  process.send?.(known.round())
})
