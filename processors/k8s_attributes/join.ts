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
import { ADDRESS_BYTES } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import { type End, EndColumns } from './end.ts'
import { portKey } from './objects.ts'
import { RowEnds } from './row_ends.ts'

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
  readonly ends: RowEnds
  readonly #cluster: Cluster | undefined
  #learned: FlowBatch | undefined
  /** By row that is a first and whose peer is nobody known: whether it was seen at its own end. */
  readonly #isPartner: boolean[] = []
  #misses: Misses = { local_unknown: 0, peer_unknown: 0, peer_address_unknown: 0 }

  constructor({ cluster, connectionsMax }: JoinSettings) {
    this.#cluster = cluster
    this.ends = new RowEnds(cluster, connectionsMax)
  }

  /**
   * Learns from the rows of a batch what other rows, of this batch too, need to be joined, and
   * looks up their ends: once, as most of a join's time goes into lookups.
   */
  learn(batch: FlowBatch): void {
    this.#learned = batch
    this.ends.learn(batch)
  }

  /** Fills the group `k8s` of every row. */
  join(batch: FlowBatch): void {
    if (this.#learned !== batch) this.learn(batch)
    const { firstOf, rows } = batch
    const { src, dst } = EndColumns.of(batch)
    let repeats = 0
    for (let row = 0; row < rows; row++) {
      if (this.#cluster !== undefined) this.#countMisses(batch, row)
      if (firstOf[row] !== row) {
        repeats++
        continue
      }
      const isClient = batch.base.role[row] === ROLE.client
      this.#writeLocal(batch, row, isClient ? src : dst)
      this.#writePeer(batch, row, isClient ? dst : src)
      this.#writeAddressedService(batch, row, dst)
    }
    this.#learned = undefined
    if (repeats === 0) return
    src.repeat(firstOf, rows)
    dst.repeat(firstOf, rows)
  }

  /** The uid of the row's own pod, of which the API server has not told; '' where it has. */
  ownUidAwaited(batch: FlowBatch, row: number): string {
    if (batch.base.pod_uid[row] === 0) return ''
    return this.#unknown(batch.text(batch.base.pod_uid, row))
  }

  /** The same of the other end of a connection that `ends.peerSlot` has found. */
  peerUidAwaited(batch: FlowBatch, row: number, slot: number): string {
    return this.#unknown(this.ends.partners.podUid(slot, 1 - (batch.base.role[row] as number)))
  }

  #unknown(uid: string): string {
    return uid === '' || this.#cluster?.index.pod(uid) !== undefined ? '' : uid
  }

  takeMisses(): Misses {
    const misses = this.#misses
    this.#misses = { local_unknown: 0, peer_unknown: 0, peer_address_unknown: 0 }
    return misses
  }

  #countMisses(batch: FlowBatch, row: number): void {
    const { ends } = this
    const first = batch.firstOf[row] as number
    if (ends.local(batch, row).end === undefined) this.#misses.local_unknown++
    if (ends.peer(batch, row).end !== undefined) return
    if (first === row) this.#isPartner[row] = ends.peerSlot(batch, row) >= 0
    if (this.#isPartner[first]) this.#misses.peer_unknown++
    else this.#misses.peer_address_unknown++
  }

  #writeLocal(batch: FlowBatch, row: number, target: EndColumns): void {
    const known = this.ends.local(batch, row)
    const end = known.end ?? this.#hostOf(batch, row)
    if (end === undefined) target.clear(row)
    else end.write(target, row)
    const onHost = end === undefined ? RESOLVED.unknown : RESOLVED.node
    target.resolvedBy[row] = known.end === undefined ? onHost : known.by
    if (!target.named(row)) target.setServiceName(row, this.#ownService(batch, row))
  }

  #writePeer(batch: FlowBatch, row: number, target: EndColumns): void {
    const { end, by } = this.ends.peer(batch, row)
    if (end === undefined) target.clear(row)
    else end.write(target, row)
    const slot = this.ends.peerSlot(batch, row)
    target.resolvedBy[row] = slot < 0 ? by : RESOLVED.partner
    if (slot < 0 || target.named(row)) return
    const peerRole = 1 - (batch.base.role[row] as number)
    target.setServiceName(row, processServiceName(this.ends.partners.process(slot, peerRole)))
  }

  /** The Service that the client dialled, which a pod behind several Services cannot tell. */
  #writeAddressedService(batch: FlowBatch, row: number, dst: EndColumns): void {
    const cluster = this.#cluster
    if (cluster === undefined) return
    const { base } = batch
    const { partners } = this.ends
    let bytes = base.dst_address
    let at = row * ADDRESS_BYTES
    let port = base.dst_port[row] as number
    if (base.role[row] === ROLE.server) {
      // What the server sees is its own address; what was dialled is what its partner saw.
      const slot = this.ends.peerSlot(batch, row)
      if (slot >= 0) {
        bytes = partners.dialled
        at = partners.dialledAt(slot)
        port = partners.dialledPort(slot)
      }
    }
    const reached = cluster.service(bytes, at, portKey(port, base.transport[row] as number))
    if (reached !== undefined) dst.setService(row, reached.service.object.name)
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
    const slot = name === '' ? this.ends.slot(batch, row) : -1
    if (slot < 0) return name
    return processServiceName(this.ends.partners.process(slot, base.role[row] as number))
  }
}
