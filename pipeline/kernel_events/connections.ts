/**
 * The connections whose requests are followed: what an exchange's row takes from its connection,
 * and the state of both directions' parsers.
 *
 * Bounded. When it is full, the connection that has been quiet longest, as far as a second chance
 * tells, makes room: `touched` costs a store for each piece where moving it in a list would cost a
 * deletion and an insertion.
 */
import { ROLE, TRANSPORT } from '../flows/schema.ts'
import type { Connection } from '../requests/connection.ts'
import type { Conversation } from '../requests/conversation.ts'
import type { WrittenEnd } from '../requests/end_columns.ts'
import type { Identity } from '../requests/identity.ts'
import type { Remembered } from '../requests/remembered.ts'
import type { Tls } from '../requests/tls/tls.ts'
import { toNumber } from '../u64.ts'
import { commOf } from './comm.ts'
import { CONN_FLAG, ConnRecord } from './events.gen.ts'

/** Places where a connection is found without a look into the table. A power of two. */
const NEAR_MAX = 8192
/** Looks that one insertion may spend on finding who makes room. */
const CHANCES_MAX = 64

export class KernelConnection implements Connection {
  readonly id: number
  /** The kernel's conn_id. */
  readonly idLo: number
  readonly idHi: number
  readonly transport = TRANSPORT.tcp
  readonly role: number
  readonly flowLo: number
  readonly flowHi: number
  readonly idLocal: boolean
  readonly srcAddress: Uint8Array
  readonly dstAddress: Uint8Array
  readonly srcPort: number
  readonly dstPort: number
  readonly netns: number
  readonly cgroupLo: number
  readonly cgroupHi: number
  readonly startNs: number
  readonly connectTid: number
  readonly connectSleeps: number
  readonly connectUs: number
  pid: number
  comm: string
  identity: Identity | undefined
  srttUs = 0
  minRttUs = 0
  retransmits = 0
  conversation: Conversation | undefined
  written: WrittenEnd | undefined
  tls: Tls | undefined
  touched = true
  /** The kernel was told last that all is wanted of it. */
  toldAll = false
  /** By those before, or as it was told to those to come. */
  remembered: Remembered | undefined

  constructor(view: DataView, at: number) {
    const u32 = (field: number) => view.getUint32(at + field, true)
    this.idLo = u32(ConnRecord.conn_id)
    this.idHi = u32(ConnRecord.conn_id + 4)
    this.id = idOf(this.idLo, this.idHi)
    this.role = view.getUint8(at + ConnRecord.role)
    this.flowLo = u32(ConnRecord.flow_id)
    this.flowHi = u32(ConnRecord.flow_id + 4)
    this.idLocal = (view.getUint8(at + ConnRecord.flags) & CONN_FLAG.CONN_ID_LOCAL) !== 0
    const local = bytesOf(view, at + ConnRecord.local_addr)
    const remote = bytesOf(view, at + ConnRecord.remote_addr)
    this.srcAddress = this.role === ROLE.client ? local : remote
    this.dstAddress = this.role === ROLE.client ? remote : local
    const localPort = view.getUint16(at + ConnRecord.local_port, true)
    const remotePort = view.getUint16(at + ConnRecord.remote_port, true)
    this.srcPort = this.role === ROLE.client ? localPort : remotePort
    this.dstPort = this.role === ROLE.client ? remotePort : localPort
    this.netns = u32(ConnRecord.netns)
    this.cgroupLo = u32(ConnRecord.cgroup_id)
    this.cgroupHi = u32(ConnRecord.cgroup_id + 4)
    this.startNs = u64(view, at + ConnRecord.start_ns)
    this.connectTid = this.role === ROLE.client ? u32(ConnRecord.tid) : 0
    this.connectSleeps = u32(ConnRecord.sleeps)
    this.connectUs = connectUs(this.startNs, u64(view, at + ConnRecord.established_ns))
    this.pid = u32(ConnRecord.pid)
    this.comm = commOf(view, at + ConnRecord.comm)
  }
}

export class ConnectionTable {
  readonly #connections = new Map<number, KernelConnection>()
  /**
   * Those of which pieces came last, by nearOf(): a Map with keys beyond 31 bits has them boxed and
   * hashed at each look.
   */
  readonly #near: (KernelConnection | undefined)[] = Array.from({ length: NEAR_MAX })
  #max: number

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#connections.size
  }

  get(id: number): KernelConnection | undefined {
    return this.#connections.get(id)
  }

  /** By the halves of the kernel's conn_id. */
  find(lo: number, hi: number): KernelConnection | undefined {
    const near = this.#near[nearOf(lo, hi)]
    return near?.idLo === lo && near.idHi === hi ? near : this.#bringNear(lo, hi)
  }

  #bringNear(lo: number, hi: number): KernelConnection | undefined {
    const connection = this.#connections.get(idOf(lo, hi))
    if (connection !== undefined) this.#near[nearOf(lo, hi)] = connection
    return connection
  }

  /** Adds a connection; returns the one that made room for it, if one had to. */
  add(connection: KernelConnection): KernelConnection | undefined {
    const full = this.#connections.size >= this.#max && !this.#connections.has(connection.id)
    const evicted = full ? this.#evict() : undefined
    this.#connections.set(connection.id, connection)
    this.#near[nearOf(connection.idLo, connection.idHi)] = connection
    return evicted
  }

  /** Another bound; returns the connections that are beyond it. */
  resize(max: number): KernelConnection[] {
    this.#max = max
    const evicted: KernelConnection[] = []
    while (this.#connections.size > max) evicted.push(this.#evict() as KernelConnection)
    return evicted
  }

  delete(connection: KernelConnection): void {
    if (this.#connections.get(connection.id) === connection) this.#remove(connection)
  }

  #remove(connection: KernelConnection): void {
    this.#connections.delete(connection.id)
    const at = nearOf(connection.idLo, connection.idHi)
    if (this.#near[at] === connection) this.#near[at] = undefined
  }

  #evict(): KernelConnection | undefined {
    for (let chance = 1; ; chance++) {
      const oldest = this.#connections.values().next().value
      if (oldest === undefined) return undefined
      this.#remove(oldest)
      if (!oldest.touched || chance === CHANCES_MAX) return oldest
      oldest.touched = false
      this.#connections.set(oldest.id, oldest)
    }
  }
}

/**
 * conn_id as a number below 2^53: the kernel has the CPU in its upper 16 bits and a count in the
 * lower 48. 40 bits of count and 13 of CPU are enough for a CPU that opens a connection every
 * microsecond for twelve days, and for 8191 CPUs.
 */
export function connId(view: DataView, at: number): number {
  return idOf(view.getUint32(at, true), view.getUint32(at + 4, true))
}

function idOf(lo: number, hi: number): number {
  return (hi >>> 16) * 2 ** 40 + (hi & 0xff) * 2 ** 32 + lo
}

/** CPUs count one by one, each from 1. */
function nearOf(lo: number, hi: number): number {
  return (lo + (hi >>> 16) * 2053) & (NEAR_MAX - 1)
}

/** A u64 as a double: exact below 2^53. */
export function u64(view: DataView, at: number): number {
  return toNumber(view.getUint32(at, true), view.getUint32(at + 4, true))
}

/** A copy of an address. */
function bytesOf(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, 16).slice()
}

/** Microseconds from SYN to ESTABLISHED; NaN when either is not known. */
export function connectUs(startNs: number, establishedNs: number): number {
  return startNs === 0 || establishedNs === 0 ? Number.NaN : (establishedNs - startNs) / 1000
}
