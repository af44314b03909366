/**
 * The two ends of each connection, learned from the rows of either end.
 *
 * When both ends are on this host their rows have one flow_id and different views: the client sees
 * the ClusterIP it dialled, the server sees the address of whatever masqueraded the client. Each
 * end's local address is true, so each row gets its peer from the other's local end.
 *
 * A fixed table of typed arrays: bounded, and nothing is allocated a row. When it is full the clock
 * algorithm evicts: connections that were asked for since the hand last passed get a second round.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { ProcessTexts } from '../../pipeline/flows/process_name.ts'
import { KIND, ROLE } from '../../pipeline/flows/schema.ts'
import { toNumber } from '../../pipeline/u64.ts'
import { ADDRESS_BYTES } from './addresses.ts'

const NONE = -1
const SEEN = [1, 2] as const
const USED = 4

/** A slot's words, which stand together as they are looked at together: its id, and these. */
const SLOT_WORDS = 4
/** The slot that follows in its bucket. */
const NEXT = 2
const FLAGS = 3

/** An end's texts, likewise. */
const END_TEXTS = 5
const COMM = 0
const EXECUTABLE = 1
const UNIT = 2
const POD_UID = 3
const CONTAINER_ID = 4

export class Partners {
  readonly #max: number
  readonly #mask: number
  readonly #heads: Int32Array
  readonly #slots: Int32Array
  readonly #texts: string[] = []
  readonly #dialledPorts: Uint16Array
  readonly #netns: Float64Array
  /** When the connection began, as its client's open row says; 0: it was not seen. */
  readonly #connectedMs: Float64Array
  #size = 0
  #hand = 0
  /** Connections forgotten to make room, since the process began. */
  evicted = 0

  /** 16 bytes an end: slot's client at `addressAt(slot, 0)`, its server at `addressAt(slot, 1)`. */
  readonly addresses: Uint8Array
  /** 16 bytes a slot, at `dialledAt(slot)`: the address that the client, if seen, asked for. */
  readonly dialled: Uint8Array

  /** @param max connections remembered, about 190 bytes each */
  constructor(max: number) {
    this.#max = max
    const buckets = 1 << (32 - Math.clz32(max * 2 - 1))
    this.#mask = buckets - 1
    this.#heads = new Int32Array(buckets).fill(NONE)
    this.#slots = new Int32Array(SLOT_WORDS * max)
    this.#dialledPorts = new Uint16Array(max)
    this.#netns = new Float64Array(2 * max)
    this.#connectedMs = new Float64Array(max)
    this.addresses = new Uint8Array(2 * max * ADDRESS_BYTES)
    this.dialled = new Uint8Array(max * ADDRESS_BYTES)
  }

  get size(): number {
    return this.#size
  }

  /** The connection's slot, or -1. It stays valid until the next `slotOf`. */
  find(lo: number, hi: number): number {
    let slot = this.#heads[lo & this.#mask] as number
    while (slot !== NONE) {
      if (this.holds(slot, lo, hi)) {
        this.touch(slot)
        return slot
      }
      slot = this.#slots[SLOT_WORDS * slot + NEXT] as number
    }
    return NONE
  }

  /** The connection's slot, which is made when there is none, out of another's if need be. */
  slotOf(lo: number, hi: number): number {
    const known = this.find(lo, hi)
    if (known !== NONE) return known
    const slot = this.#size < this.#max ? this.#size++ : this.#evict()
    const slots = this.#slots
    const bucket = lo & this.#mask
    const at = SLOT_WORDS * slot
    slots[at] = lo
    slots[at + 1] = hi
    slots[at + NEXT] = this.#heads[bucket] as number
    slots[at + FLAGS] = 0
    this.#heads[bucket] = slot
    // Not `fill`, which is a call out of compiled code.
    this.#netns[2 * slot] = 0
    this.#netns[2 * slot + 1] = 0
    this.#connectedMs[slot] = 0
    const text = 2 * END_TEXTS * slot
    for (let i = text; i < text + 2 * END_TEXTS; i++) this.#texts[i] = ''
    return slot
  }

  addressAt(slot: number, role: number): number {
    return (2 * slot + role) * ADDRESS_BYTES
  }

  dialledAt(slot: number): number {
    return slot * ADDRESS_BYTES
  }

  dialledPort(slot: number): number {
    return this.#dialledPorts[slot] as number
  }

  /** Whether a row of the client's (0) or the server's (1) end was seen. */
  seen(slot: number, role: number): boolean {
    return ((this.#slots[SLOT_WORDS * slot + FLAGS] as number) & (SEEN[role] as number)) !== 0
  }

  /** The key of the network namespace that an end is in (see namespaces.ts). */
  netns(slot: number, role: number): number {
    return this.#netns[2 * slot + role] as number
  }

  setNetns(slot: number, role: number, key: number): void {
    this.#netns[2 * slot + role] = key
  }

  connectedMs(slot: number): number {
    return this.#connectedMs[slot] as number
  }

  process(slot: number, role: number): ProcessTexts {
    return {
      comm: this.#text(slot, role, COMM),
      executable: this.#text(slot, role, EXECUTABLE),
      systemd_unit: this.#text(slot, role, UNIT),
    }
  }

  podUid(slot: number, role: number): string {
    return this.#text(slot, role, POD_UID)
  }

  containerId(slot: number, role: number): string {
    return this.#text(slot, role, CONTAINER_ID)
  }

  #text(slot: number, role: number, which: number): string {
    return this.#texts[END_TEXTS * (2 * slot + role) + which] as string
  }

  /** As `find` does for a connection that it finds. */
  touch(slot: number): void {
    this.#flag(slot, USED)
  }

  #flag(slot: number, flag: number): void {
    const at = SLOT_WORDS * slot + FLAGS
    this.#slots[at] = (this.#slots[at] as number) | flag
  }

  /** Whether a slot is still this connection's: later `slotOf`s may have given it away. */
  holds(slot: number, lo: number, hi: number): boolean {
    const slots = this.#slots
    const at = SLOT_WORDS * slot
    return slots[at] === (lo | 0) && slots[at + 1] === (hi | 0)
  }

  /**
   * Notes what a row tells: its own end, and on a client's row the address that was dialled.
   * Gives the connection's slot, or -1 for a row whose id no other end can have.
   */
  learn(batch: FlowBatch, row: number): number {
    const { base } = batch
    const lo = base.flow_id[2 * row] as number
    const hi = base.flow_id[2 * row + 1] as number
    // An id made from one end's addresses is never the other end's.
    if ((lo === 0 && hi === 0) || base.flow_id_local[row] !== 0) return NONE
    const slot = this.slotOf(lo, hi)
    const role = base.role[row] as number
    // A connection's addresses stay what they are: its first row, and its own, tell them.
    if (!this.seen(slot, role) || base.kind[row] === KIND.connection) {
      this.#learnAddresses(batch, row, slot)
      this.#flag(slot, SEEN[role] as number)
    }
    this.#learnTexts(batch, row, 2 * slot + role)
    return slot
  }

  #learnAddresses({ base }: FlowBatch, row: number, slot: number): void {
    if (base.role[row] !== ROLE.client) {
      copy(base.dst_address, row, this.addresses, 2 * slot + ROLE.server)
      return
    }
    copy(base.src_address, row, this.addresses, 2 * slot + ROLE.client)
    copy(base.dst_address, row, this.dialled, slot)
    this.#dialledPorts[slot] = base.dst_port[row] as number
    if (base.kind[row] !== KIND.connection || base.older[row] !== 0) return
    const { start } = base
    const ms = toNumber(start[2 * row] as number, start[2 * row + 1] as number) / 1e6
    this.#connectedMs[slot] = ms
  }

  /** An accepted socket's process becomes known later than its address. */
  #learnTexts(batch: FlowBatch, row: number, end: number): void {
    const { base } = batch
    const texts = this.#texts
    const at = END_TEXTS * end
    if (base.comm[row] !== 0) {
      texts[at + COMM] = batch.text(base.comm, row)
      texts[at + EXECUTABLE] = batch.text(base.executable, row)
    }
    if (base.systemd_unit[row] !== 0) texts[at + UNIT] = batch.text(base.systemd_unit, row)
    if (base.pod_uid[row] !== 0) texts[at + POD_UID] = batch.text(base.pod_uid, row)
    if (base.container_id[row] === 0) return
    texts[at + CONTAINER_ID] = batch.text(base.container_id, row)
  }

  #evict(): number {
    const slots = this.#slots
    for (;;) {
      const slot = this.#hand
      this.#hand = (this.#hand + 1) % this.#max
      const at = SLOT_WORDS * slot + FLAGS
      const flags = slots[at] as number
      if ((flags & USED) !== 0) {
        slots[at] = flags & ~USED
        continue
      }
      this.#unlink(slot)
      this.evicted++
      return slot
    }
  }

  #unlink(slot: number): void {
    const slots = this.#slots
    const bucket = (slots[SLOT_WORDS * slot] as number) & this.#mask
    const next = slots[SLOT_WORDS * slot + NEXT] as number
    let at = this.#heads[bucket] as number
    if (at === slot) {
      this.#heads[bucket] = next
      return
    }
    while (slots[SLOT_WORDS * at + NEXT] !== slot) at = slots[SLOT_WORDS * at + NEXT] as number
    slots[SLOT_WORDS * at + NEXT] = next
  }
}

function copy(from: Uint8Array, fromIndex: number, to: Uint8Array, toIndex: number): void {
  const source = fromIndex * ADDRESS_BYTES
  const target = toIndex * ADDRESS_BYTES
  for (let i = 0; i < ADDRESS_BYTES; i++) to[target + i] = from[source + i] as number
}
