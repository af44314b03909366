/**
 * The processor: joins what can be joined at once, lets the rest wait, passes everything on.
 *
 *     rows ──▶ own end known? ── yes ──────────────▶ join ──▶ next
 *                    └── no ──▶ waiting ── known, or time is up ──▶ join ──▶ outbox ──▶ next
 */
import type { Consumer, Processor } from '../../pipeline/component.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { ROLE } from '../../pipeline/flows/schema.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import { OK, type Outcome, retryable } from '../../pipeline/outcome.ts'
import { ADDRESS_BYTES, AddressMap, isLoopback } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import type { End } from './end.ts'
import { HostAddresses } from './host_addresses.ts'
import { Join } from './join.ts'
import type { WatchUse } from './shared.ts'
import { uidBytes } from './uid_bytes.ts'
import { Waiting } from './waiting.ts'

export interface K8sAttributesSettings {
  readonly next: Consumer<'flows'>
  readonly ledger: Ledger
  /** Both undefined without a cluster. `onAddress` of the cluster must call `addressKnown`. */
  readonly cluster: Cluster | undefined
  readonly watch: WatchUse | undefined
  readonly connectionsMax: number
  readonly waitForRowMs: number
  readonly rowsWaitingMax: number
  /** How long `start` may wait for the metadata; undefined: not at all. */
  readonly waitForMetadataMs: number | undefined
}

/** A row of a batch, and the address at `bytes[at..at + 16)` that it waits for. */
interface WaitingRow {
  readonly row: number
  readonly bytes: Uint8Array
  readonly at: number
}

export class K8sAttributes implements Processor<'flows'> {
  readonly mutates = true
  readonly #settings: K8sAttributesSettings
  readonly #join: Join
  readonly #waiting: Waiting
  readonly #outbox: Outbox<'flows'>
  readonly #hostAddresses = new HostAddresses()
  #evicted = 0

  constructor(settings: K8sAttributesSettings) {
    const { next, ledger, cluster, connectionsMax } = settings
    this.#settings = settings
    this.#join = new Join({ cluster, connectionsMax })
    // A stitch behind it may answer when rows have met, of which several batches here have some.
    this.#outbox = new Outbox(next, ledger, { atOnceItems: settings.rowsWaitingMax })
    this.#waiting = new Waiting({
      waitMs: settings.waitForRowMs,
      rowsMax: settings.rowsWaitingMax,
      release: (batches, known) => this.#release(batches, known),
    })
  }

  async start(): Promise<void> {
    const { watch, waitForMetadataMs } = this.#settings
    watch?.start()
    if (waitForMetadataMs !== undefined) await watch?.settled(waitForMetadataMs)
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    await this.#settings.watch?.stop()
    this.#waiting.flush()
    await this.#outbox.close(deadline)
  }

  held(): number {
    return this.#waiting.held + this.#outbox.held
  }

  /** A pod has this address, or this uid as `uidBytes`, from now on. */
  addressKnown(address: Uint8Array): void {
    // The watch's chunk is read to its end first: it may name the Service and the owner, too.
    setImmediate(() => this.#waiting.known(address))
  }

  consume(batch: FlowBatch): Outcome | Promise<Outcome> {
    if (this.#outbox.waiting >= this.#settings.rowsWaitingMax) {
      return retryable('k8s_attributes is full, for what follows it refuses rows')
    }
    this.#join.learn(batch)
    const waiting = this.#rowsToWait(batch)
    if (waiting.length === 0) return this.#pass(batch)
    const isWaiting = new Set(waiting.map(({ row }) => row))
    const rest = new FlowBatch(Math.max(1, batch.rows - waiting.length))
    const others: number[] = []
    for (let row = 0; row < batch.rows; row++) if (!isWaiting.has(row)) others.push(row)
    rest.appendRows(batch, others)
    const outcome = rest.rows === 0 ? OK : this.#pass(rest)
    // With a refusal the sender still has all of the batch.
    if ('kind' in outcome && outcome.kind !== 'ok') return outcome
    this.#hold(batch, waiting)
    return 'kind' in outcome ? outcome : outcome.then((late) => this.#keep(rest, late))
  }

  /**
   * The rest of a batch was answered late, as by a stitch that waits for rows to meet: what waits
   * here, which may be among those, is ours since, and so is the rest whatever the answer.
   */
  #keep(rest: FlowBatch, late: Outcome): Outcome {
    const { ledger } = this.#settings
    if (late.kind === 'retryable') this.#outbox.send(rest)
    else if (late.kind === 'permanent') {
      ledger.lost('refused', rest.rows, { detail: late.reason })
    }
    return OK
  }

  #pass(batch: FlowBatch): Outcome | Promise<Outcome> {
    this.#join.join(batch)
    this.#note()
    return this.#settings.next.consume(batch)
  }

  #rowsToWait(batch: FlowBatch): readonly WaitingRow[] {
    const { watch, cluster, waitForRowMs, ledger } = this.#settings
    if (cluster === undefined || waitForRowMs === 0 || watch?.seesPods === false) return []
    const waiters: WaitingRow[] = []
    const ofFirsts = new Map<number, WaitingRow>()
    let room = this.#waiting.room
    for (let row = 0; row < batch.rows; row++) {
      const first = batch.firstOf[row] as number
      // Mostly nobody waits.
      if (first !== row && ofFirsts.size === 0) continue
      const waiter = first === row ? this.#waiter(batch, row) : ofFirsts.get(first)
      if (waiter === undefined) continue
      if (first === row) ofFirsts.set(row, waiter)
      if (room-- > 0) waiters.push({ ...waiter, row })
      else ledger.note('not_waited_full', 1)
    }
    return waiters
  }

  /**
   * The row, if it must wait: for its own address, or for that of its connection's other end on
   * this host. Both ends wait together: a SERVER's row that overtook its CLIENT's would be a root.
   */
  #waiter(batch: FlowBatch, row: number): WaitingRow | undefined {
    const join = this.#join
    const uid = join.ownUidAwaited(batch, row)
    const own = localAddresses(batch, row)
    const at = row * ADDRESS_BYTES
    if (uid !== '') {
      const waiter = this.#uidWaiter(row, uid)
      if (waiter !== undefined) return waiter
    } else if (this.#awaits(own, at, join.ends.local(batch, row).end)) {
      return { row, bytes: own, at }
    }
    const slot = join.ends.peerSlot(batch, row)
    return slot < 0 ? undefined : this.#peerWaiter(batch, row, slot)
  }

  #uidWaiter(row: number, uid: string): WaitingRow | undefined {
    const bytes = uidBytes(uid)
    if (bytes === undefined || !this.#awaits(bytes, 0, undefined)) return undefined
    return { row, bytes, at: 0 }
  }

  #peerWaiter(batch: FlowBatch, row: number, slot: number): WaitingRow | undefined {
    const join = this.#join
    const uid = join.peerUidAwaited(batch, row, slot)
    if (uid !== '') return this.#uidWaiter(row, uid)
    const { addresses } = join.ends.partners
    const peerAt = join.ends.partners.addressAt(slot, 1 - (batch.base.role[row] as number))
    if (!this.#awaits(addresses, peerAt, join.ends.peer(batch, row).end)) return undefined
    return { row, bytes: addresses.slice(peerAt, peerAt + ADDRESS_BYTES), at: 0 }
  }

  #awaits(bytes: Uint8Array, at: number, known: End | undefined): boolean {
    if (this.#waiting.has(bytes, at)) return true
    if (known !== undefined || isLoopback(bytes, at)) return false
    return !this.#waiting.isVain(bytes, at) && !this.#hostAddresses.has(bytes, at)
  }

  #hold(batch: FlowBatch, waiters: readonly WaitingRow[]): void {
    const byAddress = new AddressMap<number[]>()
    const groups: { rows: number[]; of: WaitingRow }[] = []
    for (const of of waiters) {
      const group = byAddress.get(of.bytes, of.at)
      if (group !== undefined) {
        group.push(of.row)
        continue
      }
      const rows = [of.row]
      groups.push({ rows, of })
      byAddress.set(of.bytes, rows, of.at)
    }
    for (const { rows, of } of groups) this.#waiting.add(batch, rows, of)
    this.#settings.ledger.note('waited', waiters.length)
  }

  #release(batches: readonly FlowBatch[], known: boolean): void {
    const reason = known ? 'waited_known' : 'waited_in_vain'
    for (const batch of batches) {
      this.#join.join(batch)
      this.#settings.ledger.note(reason, batch.rows)
      this.#outbox.send(batch)
    }
    this.#note()
  }

  /** Misses and evictions since the last note, in ends and connections. */
  #note(): void {
    const { ledger, cluster } = this.#settings
    const { evicted } = this.#join.ends.partners
    if (evicted !== this.#evicted) ledger.note('connections_evicted', evicted - this.#evicted)
    this.#evicted = evicted
    const misses = this.#join.takeMisses()
    if (cluster === undefined) return
    for (const [reason, count] of Object.entries(misses)) {
      if (count > 0) ledger.note(`miss_${reason}`, count)
    }
  }
}

function localAddresses(batch: FlowBatch, row: number): Uint8Array {
  const { role, src_address, dst_address } = batch.base
  return role[row] === ROLE.client ? src_address : dst_address
}
