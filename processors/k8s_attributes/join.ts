/**
 * Writes who stands at both ends of each row.
 *
 *                    this row (client's)              its partner, same flow_id (server's)
 *     local end      src = the pod's own IP           dst = the pod's own IP
 *     peer           dst = ClusterIP, say       ◀───  the partner's local end is the true peer
 *
 * A local end is resolved by its cgroup, else by its address at the time the row began, a loopback
 * or unknown address by its network namespace. A peer without a partner (its host is another, or
 * its row was not seen yet) is resolved by the address on the row: resolver.ts, docs/IDENTITY.md.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { type ProcessTexts, processServiceName } from '../../pipeline/flows/process_name.ts'
import { RESOLVED, ROLE } from '../../pipeline/flows/schema.ts'
import { toNumber } from '../../pipeline/u64.ts'
import { ADDRESS_BYTES, isLoopback } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import { type End, EndColumns } from './end.ts'
import { Namespaces } from './namespaces.ts'
import { portKey } from './objects.ts'
import { Partners } from './partners.ts'
import { Resolver, type SeenEnd } from './resolver.ts'

export interface JoinSettings {
  /** Undefined without a cluster: ends are then named by their processes alone. */
  readonly cluster: Cluster | undefined
  /** Connections whose two ends are remembered. */
  readonly connectionsMax: number
}

/** Why ends were left without Kubernetes metadata, in ends, since the last `takeMisses`. */
export interface Misses {
  /** The local end's address and network namespace are no pod's and no node's at that time. */
  local_unknown: number
  /** The peer, seen at its own end on this host, is no pod and no node. */
  peer_unknown: number
  /** The peer was not seen at its own end, and its address is no pod's, Service's or node's. */
  peer_address_unknown: number
}

export class Join {
  readonly partners: Partners
  readonly namespaces = new Namespaces()
  readonly #cluster: Cluster | undefined
  readonly #resolver: Resolver | undefined
  /**
   * By row of the batch `#learned`: when it began, its network namespace's key, its slot in
   * `partners`, its own end, and how that was found.
   */
  readonly #timesMs: number[] = []
  readonly #netns: number[] = []
  readonly #slots: number[] = []
  readonly #locals: (End | undefined)[] = []
  readonly #localsBy: number[] = []
  #learned: FlowBatch | undefined
  #misses: Misses = { local_unknown: 0, peer_unknown: 0, peer_address_unknown: 0 }

  constructor(settings: JoinSettings) {
    const { cluster } = settings
    this.#cluster = cluster
    this.#resolver = cluster && new Resolver(cluster, this.namespaces)
    this.partners = new Partners(settings.connectionsMax)
  }

  /**
   * Learns from the rows of a batch what other rows, of this batch too, need to be joined, and
   * looks up the batch's own ends: once, as most of a join's time goes into lookups.
   */
  learn(batch: FlowBatch): void {
    this.#learned = batch
    for (let row = 0; row < batch.rows; row++) {
      const netns = this.#netnsOf(batch, row)
      const slot = this.partners.learn(batch, row)
      if (slot >= 0) this.partners.setNetns(slot, batch.base.role[row] as number, netns)
      this.#timesMs[row] = startMs(batch, row)
      this.#slots[row] = slot
      this.#netns[row] = netns
      this.#findLocal(batch, row)
    }
    // A later row may have told whose network namespace an earlier one is in.
    for (let row = 0; row < batch.rows; row++) {
      if (this.#locals[row] === undefined) this.#findLocal(batch, row)
    }
  }

  /** Fills the group `k8s` of every row. */
  join(batch: FlowBatch): void {
    if (this.#learned !== batch) this.learn(batch)
    const { src, dst } = EndColumns.of(batch)
    for (let row = 0; row < batch.rows; row++) {
      const isClient = batch.base.role[row] === ROLE.client
      this.#writeLocal(batch, row, isClient ? src : dst)
      this.#writePeer(batch, row, isClient ? dst : src)
      this.#writeAddressedService(batch, row, dst)
    }
    this.#learned = undefined
  }

  /** The own end of a row of the batch that was learned last; undefined when nobody is known. */
  localEnd(row: number): End | undefined {
    return this.#locals[row]
  }

  /**
   * The connection in `partners` when a row of the other end was seen on this host, else -1; of a
   * row of the batch that was learned last.
   */
  peerSlot(batch: FlowBatch, row: number): number {
    const slot = this.#slotOf(batch, row)
    const peerRole = 1 - (batch.base.role[row] as number)
    return slot >= 0 && this.partners.seen(slot, peerRole) ? slot : -1
  }

  /** Who is known to stand at the other end of a connection that `peerSlot` has found. */
  peerEnd(batch: FlowBatch, row: number, slot: number): End | undefined {
    const peerRole = 1 - (batch.base.role[row] as number)
    return this.#resolver?.seen({
      bytes: this.partners.addresses,
      at: this.partners.addressAt(slot, peerRole),
      netns: this.partners.netns(slot, peerRole),
      timeMs: this.#timesMs[row] as number,
      podUid: this.partners.podUid(slot, peerRole),
      containerId: this.partners.containerId(slot, peerRole),
    })
  }

  /** The uid of the row's own pod, of which the API server has not told; '' where it has. */
  ownUidAwaited(batch: FlowBatch, row: number): string {
    if (batch.base.pod_uid[row] === 0) return ''
    return this.#unknown(batch.text(batch.base.pod_uid, row))
  }

  /** The same of the other end of a connection that `peerSlot` has found. */
  peerUidAwaited(batch: FlowBatch, row: number, slot: number): string {
    return this.#unknown(this.partners.podUid(slot, 1 - (batch.base.role[row] as number)))
  }

  #unknown(uid: string): string {
    return uid === '' || this.#cluster?.index.pod(uid) !== undefined ? '' : uid
  }

  takeMisses(): Misses {
    const misses = this.#misses
    this.#misses = { local_unknown: 0, peer_unknown: 0, peer_address_unknown: 0 }
    return misses
  }

  #writeLocal(batch: FlowBatch, row: number, target: EndColumns): void {
    const known = this.localEnd(row)
    const end = known ?? this.#hostOf(batch, row)
    if (known === undefined) this.#misses.local_unknown++
    if (end === undefined) target.clear(row)
    else end.write(target, row)
    const onHost = end === undefined ? RESOLVED.unknown : RESOLVED.node
    target.resolvedBy[row] = known === undefined ? onHost : (this.#localsBy[row] as number)
    if (!target.named(row)) target.setServiceName(row, this.#ownService(batch, row))
  }

  #writePeer(batch: FlowBatch, row: number, target: EndColumns): void {
    const slot = this.peerSlot(batch, row)
    if (slot < 0) {
      const end = this.#endByAddress(batch, row, target)
      if (end === undefined) this.#misses.peer_address_unknown++
      if (end === undefined) target.clear(row)
      else end.write(target, row)
      return
    }
    target.resolvedBy[row] = RESOLVED.partner
    const end = this.peerEnd(batch, row, slot)
    if (end === undefined) {
      target.clear(row)
      this.#misses.peer_unknown++
    } else {
      end.write(target, row)
    }
    const peerRole = 1 - (batch.base.role[row] as number)
    if (target.named(row)) return
    target.setServiceName(row, processServiceName(this.partners.process(slot, peerRole)))
  }

  /** The Service that the client dialled, which a pod behind several Services cannot tell. */
  #writeAddressedService(batch: FlowBatch, row: number, dst: EndColumns): void {
    const cluster = this.#cluster
    if (cluster === undefined) return
    const { base } = batch
    let bytes = base.dst_address
    let at = row * ADDRESS_BYTES
    let port = base.dst_port[row] as number
    if (base.role[row] === ROLE.server) {
      // What the server sees is its own address; what was dialled is what its partner saw.
      const slot = this.peerSlot(batch, row)
      if (slot >= 0) {
        bytes = this.partners.dialled
        at = this.partners.dialledAt(slot)
        port = this.partners.dialledPort(slot)
      }
    }
    const reached = cluster.service(bytes, at, portKey(port, base.transport[row] as number))
    if (reached !== undefined) dst.setService(row, reached.service.object.name)
  }

  /** The peer by the address on the row; over loopback it is in the row's own namespace. */
  #endByAddress(batch: FlowBatch, row: number, target: EndColumns): End | undefined {
    const resolver = this.#resolver
    target.resolvedBy[row] = RESOLVED.unknown
    if (resolver === undefined) return undefined
    const { base } = batch
    const isClient = base.role[row] === ROLE.client
    const bytes = isClient ? base.dst_address : base.src_address
    const at = row * ADDRESS_BYTES
    const slot = this.#slotOf(batch, row)
    const port = portKey(base.dst_port[row] as number, base.transport[row] as number)
    const end = isLoopback(bytes, at)
      ? resolver.beside(this.#seenOf(batch, row))
      : resolver.far({
          bytes,
          at,
          timeMs: this.#timesMs[row] as number,
          port: isClient ? port : undefined,
          connectedMs: slot < 0 ? 0 : this.partners.connectedMs(slot),
        })
    target.resolvedBy[row] = resolver.by
    return end
  }

  /** A batch of more connections than are remembered has given some of its own slots away. */
  #slotOf(batch: FlowBatch, row: number): number {
    const slot = this.#slots[row] as number
    const { flow_id: id } = batch.base
    const held = slot >= 0 && this.partners.holds(slot, id[2 * row]!, id[2 * row + 1]!)
    return held ? slot : -1
  }

  #findLocal(batch: FlowBatch, row: number): void {
    const resolver = this.#resolver
    this.#locals[row] = undefined
    if (resolver === undefined) return
    this.#locals[row] = resolver.seen(this.#seenOf(batch, row))
    this.#localsBy[row] = resolver.by
  }

  #seenOf(batch: FlowBatch, row: number): SeenEnd {
    const { base } = batch
    return {
      bytes: base.role[row] === ROLE.client ? base.src_address : base.dst_address,
      at: row * ADDRESS_BYTES,
      netns: this.#netns[row] as number,
      timeMs: this.#timesMs[row] as number,
      podUid: base.pod_uid[row] === 0 ? '' : batch.text(base.pod_uid, row),
      containerId: base.container_id[row] === 0 ? '' : batch.text(base.container_id, row),
    }
  }

  #netnsOf(batch: FlowBatch, row: number): number {
    const { origin, base } = batch
    const boot = origin === undefined ? '' : batch.text(origin.boot_id, row)
    return this.namespaces.key(boot, base.netns[row] as number)
  }

  /** Nothing is known of the row's own end but where it is: on the host of its agent. */
  #hostOf(batch: FlowBatch, row: number): End | undefined {
    const { origin } = batch
    return origin && this.#cluster?.nodeNamed(batch.text(origin.host_node, row))?.end
  }

  /** A name by the row's process, or as an exchange row may know it by its connection. */
  #ownService(batch: FlowBatch, row: number): string {
    const { base } = batch
    const own: ProcessTexts = {
      comm: batch.text(base.comm, row),
      executable: batch.text(base.executable, row),
      systemd_unit: batch.text(base.systemd_unit, row),
    }
    const name = processServiceName(own)
    const slot = name === '' ? this.#slotOf(batch, row) : -1
    if (slot < 0) return name
    return processServiceName(this.partners.process(slot, base.role[row] as number))
  }
}

/**
 * When the row began, in Unix ms; a socket older than the agent has no start, so its end, or now.
 */
export function startMs(batch: FlowBatch, row: number): number {
  const { start, end } = batch.base
  const lo = start[2 * row] as number
  const hi = start[2 * row + 1] as number
  if (lo !== 0 || hi !== 0) return toNumber(lo, hi) / 1e6
  const endLo = end[2 * row] as number
  const endHi = end[2 * row + 1] as number
  return endLo !== 0 || endHi !== 0 ? toNumber(endLo, endHi) / 1e6 : Date.now()
}
