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
import { OK, type Outcome } from '../../pipeline/outcome.ts'
import { ADDRESS_BYTES, AddressMap, isLoopback } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import { HostAddresses } from './host_addresses.ts'
import { Join } from './join.ts'
import { Outbox } from './outbox.ts'
import { Waiting } from './waiting.ts'
import type { Watch } from './watch.ts'

export interface K8sAttributesSettings {
  readonly next: Consumer<'flows'>
  readonly ledger: Ledger
  /** Both undefined without a cluster. `onAddress` of the cluster must call `addressKnown`. */
  readonly cluster: Cluster | undefined
  readonly watch: Watch | undefined
  readonly connectionsMax: number
  readonly waitForRowMs: number
  readonly rowsWaitingMax: number
  /** How long `start` may wait for the metadata; undefined: not at all. */
  readonly waitForMetadataMs: number | undefined
}

export class K8sAttributes implements Processor<'flows'> {
  readonly mutates = true
  readonly #settings: K8sAttributesSettings
  readonly #join: Join
  readonly #waiting: Waiting
  readonly #outbox: Outbox
  readonly #hostAddresses = new HostAddresses()
  #evicted = 0

  constructor(settings: K8sAttributesSettings) {
    const { next, ledger, cluster, connectionsMax } = settings
    this.#settings = settings
    this.#join = new Join({ cluster, connectionsMax })
    this.#outbox = new Outbox(next, ledger)
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

  async shutdown(): Promise<void> {
    await this.#settings.watch?.stop()
    this.#waiting.flush()
    await this.#outbox.flush()
  }

  held(): number {
    return this.#waiting.held + this.#outbox.held
  }

  /** A pod has this address from now on. */
  addressKnown(address: Uint8Array): void {
    // The watch's chunk is read to its end first: it may name the Service and the owner, too.
    setImmediate(() => this.#waiting.known(address))
  }

  consume(batch: FlowBatch): Outcome | Promise<Outcome> {
    this.#join.learn(batch)
    const waiting = this.#rowsToWait(batch)
    if (waiting.length === 0) return this.#pass(batch)
    const isWaiting = new Set(waiting)
    const rest = new FlowBatch(Math.max(1, batch.rows - waiting.length))
    for (let row = 0; row < batch.rows; row++) if (!isWaiting.has(row)) rest.append(batch, row)
    // Held only once the rest was taken: with a refusal the sender still has all of the batch.
    const outcome = rest.rows === 0 ? OK : this.#pass(rest)
    const hold = (taken: Outcome) => {
      if (taken.kind === 'ok') this.#hold(batch, waiting)
      return taken
    }
    return 'then' in outcome ? outcome.then(hold) : hold(outcome)
  }

  #pass(batch: FlowBatch): Outcome | Promise<Outcome> {
    this.#join.join(batch)
    this.#note()
    return this.#settings.next.consume(batch)
  }

  #rowsToWait(batch: FlowBatch): readonly number[] {
    const { watch, cluster, waitForRowMs, ledger } = this.#settings
    if (cluster === undefined || waitForRowMs === 0 || watch?.seesPods === false) return []
    const rows: number[] = []
    let room = this.#waiting.room
    for (let row = 0; row < batch.rows; row++) {
      if (!this.#mustWait(batch, row)) continue
      if (room-- > 0) rows.push(row)
      else ledger.note('not_waited_full', 1)
    }
    return rows
  }

  #mustWait(batch: FlowBatch, row: number): boolean {
    const bytes = localAddresses(batch, row)
    const at = row * ADDRESS_BYTES
    if (this.#waiting.has(bytes, at)) return true
    if (isLoopback(bytes, at) || this.#join.localEnd(batch, row) !== undefined) return false
    return !this.#waiting.isVain(bytes, at) && !this.#hostAddresses.has(bytes, at)
  }

  #hold(batch: FlowBatch, rows: readonly number[]): void {
    const byAddress = new AddressMap<number[]>()
    const groups: number[][] = []
    for (const row of rows) {
      const bytes = localAddresses(batch, row)
      const group = byAddress.get(bytes, row * ADDRESS_BYTES)
      if (group !== undefined) {
        group.push(row)
        continue
      }
      const made = [row]
      groups.push(made)
      byAddress.set(bytes, made, row * ADDRESS_BYTES)
    }
    for (const group of groups) {
      const [first] = group as [number]
      const bytes = localAddresses(batch, first)
      this.#waiting.add(batch, group, { bytes, at: first * ADDRESS_BYTES })
    }
    this.#settings.ledger.note('waited', rows.length)
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
    const { evicted } = this.#join.partners
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
