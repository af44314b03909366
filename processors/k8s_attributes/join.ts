/**
 * Writes who stands at both ends of each row.
 *
 *                    this row (client's)              its partner, same flow_id (server's)
 *     local end      src = the pod's own IP           dst = the pod's own IP
 *     peer           dst = ClusterIP, say       ◀───  the partner's local end is the true peer
 *
 * An end is resolved by its address at the time the row began, a loopback or unknown address by its
 * network namespace. A peer without a partner (its host is another, or its row was not seen yet) is
 * resolved by the address on the row: pod, then Service, then node.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { processName } from '../../pipeline/flows/process_name.ts'
import { ROLE } from '../../pipeline/flows/schema.ts'
import { toNumber } from '../../pipeline/u64.ts'
import { ADDRESS_BYTES, isLoopback } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import { type End, EndColumns } from './end.ts'
import { isPod, Namespaces } from './namespaces.ts'
import { Partners } from './partners.ts'

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
  /**
   * By row of the batch `#learned`: when it began, its network namespace's key, its slot in
   * `partners`, its own end.
   */
  readonly #timesMs: number[] = []
  readonly #netns: number[] = []
  readonly #slots: number[] = []
  readonly #locals: (End | undefined)[] = []
  #learned: FlowBatch | undefined
  #misses: Misses = { local_unknown: 0, peer_unknown: 0, peer_address_unknown: 0 }

  constructor(settings: JoinSettings) {
    this.#cluster = settings.cluster
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
      this.#locals[row] = this.#findLocal(batch, row)
    }
    // A later row may have told whose network namespace an earlier one is in.
    for (let row = 0; row < batch.rows; row++) {
      this.#locals[row] ??= this.#findLocal(batch, row)
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
    const at = this.partners.addressAt(slot, peerRole)
    const netns = this.partners.netns(slot, peerRole)
    return this.#endOf(this.partners.addresses, at, {
      netns,
      timeMs: this.#timesMs[row] as number,
    })
  }

  takeMisses(): Misses {
    const misses = this.#misses
    this.#misses = { local_unknown: 0, peer_unknown: 0, peer_address_unknown: 0 }
    return misses
  }

  #writeLocal(batch: FlowBatch, row: number, target: EndColumns): void {
    const end = this.localEnd(row)
    if (end === undefined) {
      const host = this.#hostOf(batch, row)
      if (host === undefined) target.clear(row)
      else host.write(target, row)
      this.#misses.local_unknown++
    } else {
      end.write(target, row)
    }
    if (!target.named(row)) target.setServiceName(row, processName(this.#ownComm(batch, row)))
  }

  #writePeer(batch: FlowBatch, row: number, target: EndColumns): void {
    const slot = this.peerSlot(batch, row)
    if (slot < 0) {
      const end = this.#endByAddress(batch, row)
      if (end === undefined) this.#misses.peer_address_unknown++
      if (end === undefined) target.clear(row)
      else end.write(target, row)
      return
    }
    const end = this.peerEnd(batch, row, slot)
    if (end === undefined) {
      target.clear(row)
      this.#misses.peer_unknown++
    } else {
      end.write(target, row)
    }
    const peerRole = 1 - (batch.base.role[row] as number)
    if (!target.named(row))
      target.setServiceName(row, processName(this.partners.comm(slot, peerRole)))
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
    const service = cluster.service(bytes, at, port)
    if (service !== undefined) dst.setService(row, service.object.name)
  }

  #endOf(
    bytes: Uint8Array,
    at: number,
    { netns, timeMs }: { netns: number; timeMs: number },
  ): End | undefined {
    const cluster = this.#cluster
    if (cluster === undefined) return undefined
    if (!isLoopback(bytes, at)) {
      const known = cluster.pods.at(bytes, at, timeMs) ?? cluster.node(bytes, at)
      if (known !== undefined) {
        this.namespaces.learn(netns, known)
        return isPod(known) ? cluster.endOfPod(known) : known.end
      }
    }
    const owner = this.namespaces.owner(netns, timeMs)
    if (owner === undefined) return undefined
    return isPod(owner) ? cluster.endOfPod(owner) : owner.end
  }

  /** The peer by the address on the row; over loopback it is in the row's own namespace. */
  #endByAddress(batch: FlowBatch, row: number): End | undefined {
    const cluster = this.#cluster
    if (cluster === undefined) return undefined
    const { base } = batch
    const isClient = base.role[row] === ROLE.client
    const bytes = isClient ? base.dst_address : base.src_address
    const at = row * ADDRESS_BYTES
    if (isLoopback(bytes, at)) return this.localEnd(row)
    const pod = cluster.pods.at(bytes, at, this.#timesMs[row] as number)
    if (pod !== undefined) return cluster.endOfPod(pod)
    if (isClient) {
      const service = cluster.service(bytes, at, base.dst_port[row] as number)
      if (service !== undefined) return cluster.endOfService(service)
    }
    return cluster.node(bytes, at)?.end
  }

  /** A batch of more connections than are remembered has given some of its own slots away. */
  #slotOf(batch: FlowBatch, row: number): number {
    const slot = this.#slots[row] as number
    const { flow_id: id } = batch.base
    const held = slot >= 0 && this.partners.holds(slot, id[2 * row]!, id[2 * row + 1]!)
    return held ? slot : -1
  }

  #findLocal(batch: FlowBatch, row: number): End | undefined {
    const { base } = batch
    const own = base.role[row] === ROLE.client ? base.src_address : base.dst_address
    return this.#endOf(own, row * ADDRESS_BYTES, {
      netns: this.#netns[row] as number,
      timeMs: this.#timesMs[row] as number,
    })
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

  /**
   * The process of the row; an exchange row of an accepted socket may know it by its connection.
   */
  #ownComm(batch: FlowBatch, row: number): string {
    const own = batch.text(batch.base.comm, row)
    if (own !== '') return own
    const slot = this.#slotOf(batch, row)
    return slot < 0 ? '' : this.partners.comm(slot, batch.base.role[row] as number)
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
