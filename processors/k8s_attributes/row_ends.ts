/**
 * Who stands at both ends of the rows of a batch.
 *
 * Looked up for the first row of each end of a connection (`batch.firstOf`). The others have the
 * same addresses, cgroup and process, so only their time may make a difference, or what rows in
 * between have told of a network namespace: such a row is looked up anew, and where it is another
 * end by then it becomes the first of those behind it.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { KIND, RESOLVED, ROLE } from '../../pipeline/flows/schema.ts'
import { toNumber } from '../../pipeline/u64.ts'
import { ADDRESS_BYTES, isLoopback } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import type { End } from './end.ts'
import { Namespaces } from './namespaces.ts'
import { portKey } from './objects.ts'
import { Partners } from './partners.ts'
import { Resolver, type SeenEnd } from './resolver.ts'

/** What a look-up has found, and for which rows it would find the same. */
interface Found {
  end: End | undefined
  /** How: a code of RESOLVED. */
  by: number
  sinceMs: number
  untilMs: number
  /** Of the network namespaces. */
  version: number
}

/** Of a row that is the first of its end. */
interface FirstRow {
  /** Its connection in `partners`, or -1, and how many had been evicted there when it was found. */
  slot: number
  evicted: number
  /** The key of its network namespace. */
  netns: number
  readonly local: Found
  readonly peer: Found
  /** Its local end was not known until a later row of the batch told of it. */
  isLate: boolean
}

export class RowEnds {
  readonly partners: Partners
  readonly namespaces = new Namespaces()
  readonly #resolver: Resolver | undefined
  /** By row; of those that are a first. Kept from batch to batch. */
  readonly #firsts: FirstRow[] = []
  /** By what was a row's first to begin with: the first that its rows have by now. */
  readonly #latest: number[] = []
  /** By row: when it began, in Unix ms. */
  #times = new Float64Array(0)

  constructor(cluster: Cluster | undefined, connectionsMax: number) {
    this.#resolver = cluster && new Resolver(cluster, this.namespaces)
    this.partners = new Partners(connectionsMax)
  }

  /** Looks up all ends of a batch. From now on rows of one first have the same ends. */
  learn(batch: FlowBatch): void {
    const { firstOf, rows } = batch
    if (this.#times.length < rows) this.#times = new Float64Array(2 * rows)
    for (let row = 0; row < rows; row++) {
      const given = firstOf[row] as number
      if (given === row || !this.#follow(batch, row, this.#latest[given] as number)) {
        this.#begin(batch, row)
      }
      if (this.#resolver !== undefined) this.#findLocal(batch, row)
      // Its rows to come are compared with it, if it is another end by now.
      this.#latest[given] = firstOf[row] as number
    }
    if (this.#resolver === undefined) return
    this.#findLate(batch)
    for (let row = 0; row < rows; row++) this.#findPeer(batch, row)
  }

  /** The row's own end; undefined when nobody is known. */
  local(batch: FlowBatch, row: number): Readonly<Found> {
    return this.#of(batch, row).local
  }

  /** Its other end: the partner's own, where one was seen, else who has the address. */
  peer(batch: FlowBatch, row: number): Readonly<Found> {
    return this.#of(batch, row).peer
  }

  /** The connection in `partners` when a row of the other end was seen on this host, else -1. */
  peerSlot(batch: FlowBatch, row: number): number {
    const slot = this.slot(batch, row)
    const peerRole = 1 - (batch.base.role[row] as number)
    return slot >= 0 && this.partners.seen(slot, peerRole) ? slot : -1
  }

  /** A batch of more connections than are remembered has given some of its own slots away. */
  slot(batch: FlowBatch, row: number): number {
    const { slot } = this.#of(batch, row)
    return slot >= 0 && this.#holds(batch, row, slot) ? slot : -1
  }

  #of(batch: FlowBatch, row: number): FirstRow {
    return this.#firsts[batch.firstOf[row] as number] as FirstRow
  }

  #holds({ base }: FlowBatch, row: number, slot: number): boolean {
    const { flow_id: id } = base
    return this.partners.holds(slot, id[2 * row] as number, id[2 * row + 1] as number)
  }

  /** Whether all that a row tells was told by a first, which is its own from now on. */
  #follow(batch: FlowBatch, row: number, first: number): boolean {
    const { slot, evicted } = this.#firsts[first] as FirstRow
    if (batch.base.kind[row] === KIND.connection) return false
    if (slot >= 0) {
      if (evicted !== this.partners.evicted && !this.#isStill(batch, row, slot)) return false
      this.partners.touch(slot)
    }
    batch.firstOf[row] = first
    return true
  }

  /** Given away since, it may be the connection's again, by a row of the other end. */
  #isStill(batch: FlowBatch, row: number, slot: number): boolean {
    const isKnown = this.partners.seen(slot, batch.base.role[row] as number)
    return isKnown && this.#holds(batch, row, slot)
  }

  #begin(batch: FlowBatch, row: number): void {
    const first = this.#first(batch, row)
    first.netns = this.#netnsOf(batch, row)
    first.slot = this.partners.learn(batch, row)
    first.evicted = this.partners.evicted
    if (first.slot < 0) return
    this.partners.setNetns(first.slot, batch.base.role[row] as number, first.netns)
  }

  /** Makes a row its own first, of which nothing is known. */
  #first(batch: FlowBatch, row: number): FirstRow {
    batch.firstOf[row] = row
    let first = this.#firsts[row]
    if (first === undefined) {
      first = { slot: -1, evicted: 0, netns: 0, local: nobody(), peer: nobody(), isLate: false }
      this.#firsts[row] = first
    }
    forget(first.local)
    forget(first.peer)
    first.isLate = false
    return first
  }

  #findLocal(batch: FlowBatch, row: number): void {
    const resolver = this.#resolver
    if (resolver === undefined) return
    const timeMs = startMs(batch, row)
    this.#times[row] = timeMs
    const first = this.#of(batch, row)
    if (this.#isOf(first.local, timeMs)) return
    const end = resolver.seen(seenOf(batch, row, { first, timeMs }))
    this.#note(this.#same(batch, row, { end, of: first.local }).local, end)
  }

  /** A later row may have told whose network namespace an earlier one is in. */
  #findLate(batch: FlowBatch): void {
    for (let row = 0; row < batch.rows; row++) {
      const first = this.#of(batch, row)
      if (batch.firstOf[row] === row) first.isLate = first.local.end === undefined
      if (first.isLate) this.#findLocal(batch, row)
    }
  }

  #findPeer(batch: FlowBatch, row: number): void {
    const timeMs = this.#times[row] as number
    const first = this.#of(batch, row)
    if (this.#isOf(first.peer, timeMs)) return
    const slot = this.peerSlot(batch, row)
    const end =
      slot >= 0
        ? this.#partner(batch, row, { slot, timeMs })
        : this.#byAddress(batch, row, { first, timeMs })
    this.#note(this.#same(batch, row, { end, of: first.peer }).peer, end)
  }

  /** Who is known to stand at the other end of a connection that `peerSlot` has found. */
  #partner(
    batch: FlowBatch,
    row: number,
    { slot, timeMs }: { slot: number; timeMs: number },
  ): End | undefined {
    const { partners } = this
    const peerRole = 1 - (batch.base.role[row] as number)
    return this.#resolver?.seen({
      bytes: partners.addresses,
      at: partners.addressAt(slot, peerRole),
      netns: partners.netns(slot, peerRole),
      timeMs,
      podUid: partners.podUid(slot, peerRole),
      containerId: partners.containerId(slot, peerRole),
    })
  }

  /** The peer by the address on the row; over loopback it is in the row's own namespace. */
  #byAddress(
    batch: FlowBatch,
    row: number,
    { first, timeMs }: { first: FirstRow; timeMs: number },
  ): End | undefined {
    const { base } = batch
    const isClient = base.role[row] === ROLE.client
    const bytes = isClient ? base.dst_address : base.src_address
    const at = row * ADDRESS_BYTES
    if (isLoopback(bytes, at)) {
      return this.#resolver?.beside(seenOf(batch, row, { first, timeMs }))
    }
    const port = portKey(base.dst_port[row] as number, base.transport[row] as number)
    const slot = this.slot(batch, row)
    return this.#resolver?.far({
      bytes,
      at,
      timeMs,
      port: isClient ? port : undefined,
      connectedMs: slot < 0 ? 0 : this.partners.connectedMs(slot),
    })
  }

  #isOf(found: Found, timeMs: number): boolean {
    const { version } = this.namespaces
    return found.version === version && timeMs >= found.sinceMs && timeMs < found.untilMs
  }

  /** The row's first, which it becomes itself where it has another end than that has. */
  #same(batch: FlowBatch, row: number, { end, of }: { end: End | undefined; of: Found }): FirstRow {
    const before = this.#of(batch, row)
    const isSame = end === of.end && this.#resolver?.by === of.by
    if (isSame || batch.firstOf[row] === row) return before
    const first = this.#first(batch, row)
    first.slot = before.slot
    first.evicted = before.evicted
    first.netns = before.netns
    Object.assign(first.local, before.local)
    return first
  }

  #note(found: Found, end: End | undefined): void {
    const resolver = this.#resolver as Resolver
    found.end = end
    found.by = resolver.by
    found.sinceMs = resolver.sinceMs
    found.untilMs = resolver.untilMs
    found.version = this.namespaces.version
  }

  #netnsOf(batch: FlowBatch, row: number): number {
    const { origin, base } = batch
    const boot = origin === undefined ? '' : batch.text(origin.boot_id, row)
    return this.namespaces.key(boot, base.netns[row] as number)
  }
}

function nobody(): Found {
  return { end: undefined, by: RESOLVED.unknown, sinceMs: 0, untilMs: 0, version: -1 }
}

/** What was found of another batch's row: nobody, until it is looked up. */
function forget(found: Found): void {
  found.end = undefined
  found.by = RESOLVED.unknown
  found.version = -1
}

function seenOf(
  batch: FlowBatch,
  row: number,
  { first, timeMs }: { first: FirstRow; timeMs: number },
): SeenEnd {
  const { base } = batch
  return {
    bytes: base.role[row] === ROLE.client ? base.src_address : base.dst_address,
    at: row * ADDRESS_BYTES,
    netns: first.netns,
    timeMs,
    podUid: base.pod_uid[row] === 0 ? '' : batch.text(base.pod_uid, row),
    containerId: base.container_id[row] === 0 ? '' : batch.text(base.container_id, row),
  }
}

/**
 * When the row began, in Unix ms; a socket older than the agent has no start, so its end, or now.
 */
function startMs(batch: FlowBatch, row: number): number {
  const { start, end } = batch.base
  const lo = start[2 * row] as number
  const hi = start[2 * row + 1] as number
  if (lo !== 0 || hi !== 0) return toNumber(lo, hi) / 1e6
  const endLo = end[2 * row] as number
  const endHi = end[2 * row + 1] as number
  return endLo !== 0 || endHi !== 0 ? toNumber(endLo, endHi) / 1e6 : Date.now()
}
