/**
 * The unprivileged half: reads the rings that it inherited, makes rows, hands them on.
 *
 *     connection ring ─▶ rows of connections, table ──┐
 *     payload ring ────▶ streams ─▶ exchanges, causes ┴▶ RowWriter ─▶ Outbox ─▶ next
 *
 * A look at the rings, in this order, so that a connection is known before its bytes and forgotten
 * after them, although the two come by different rings:
 *   1. note the payload ring's end; 2. read counters and clocks; 3. drain the connection ring;
 *   4. drain the payload ring up to 1; 5. forget connections whose record of 3 is older than 4.
 */
import type { Component, Consumer, Host, Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Origin } from '../../pipeline/flows/origin.ts'
import { Followed } from '../../pipeline/kernel_events/followed.ts'
import { KernelLosses } from '../../pipeline/kernel_events/loss.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import { RowWriter } from '../../pipeline/requests/rows.ts'
import type { KernelInfo } from './capabilities.ts'
import { WallClock } from './clock.ts'
import type { EbpfConfig } from './config.ts'
import { type Counters, openCounters } from './counters.ts'
import { describeCapture } from './describe.ts'
import { measureDrops } from './drop_counts.ts'
import { measure } from './measure.ts'
import { openRing, type Ring } from './ring.ts'
import { openWants, type Wants } from './wants.ts'

/** Records of payload that one look handles, so that others get their turn. */
const PAYLOAD_RECORDS_MAX = 16_384
/** How often exchanges are looked over for those that last. */
const SWEEP_INTERVAL_MS = 250
/**
 * How full a look shall find the rings, at most: a wake costs as much as several rows, so the next
 * look is as late as this allows, and a load that grows eightfold in between loses nothing.
 */
const RING_SHARE_MAX = 1 / 8

interface Kernel {
  readonly connections: Ring
  readonly payload: Ring
  readonly counters: Counters
  readonly wants: Wants
  close(): void
}

export class EbpfReceiver implements Component {
  readonly #settings: Settings
  #config: EbpfConfig
  readonly #clock = new WallClock()
  readonly #origin: Origin
  readonly #outbox: Outbox<'flows'>
  readonly #rows: RowWriter
  readonly #followed: Followed
  #kernel: Kernel | undefined
  #losses: KernelLosses | undefined
  #stopMeasuring = () => {}
  #timer: NodeJS.Timeout | undefined
  #waitMs = 0
  #sweptMs = 0

  constructor(settings: Settings, config: EbpfConfig, next: Consumer<'flows'>) {
    this.#settings = settings
    this.#config = config
    const { ledger } = settings
    this.#origin = new Origin(config.host)
    this.#outbox = new Outbox(next, ledger)
    this.#rows = new RowWriter({
      rowsMax: config.batch.rows,
      clock: this.#clock,
      lossEpoch: () => this.#losses?.epoch ?? 0,
      full: (batch) => this.#send(batch),
    })
    this.#followed = new Followed(config, {
      ledger,
      rows: this.#rows,
      lossEpoch: () => this.#losses?.epochBefore ?? 0,
      losing: () => this.#losses !== undefined && this.#losses.epoch !== this.#losses.epochBefore,
      tellWanted: (id, conversation) => this.#kernel?.wants.tell(id, conversation),
    })
  }

  start(_host: Host): void {
    const { inherited, id, logger, ledger } = this.#settings
    if (inherited === undefined) {
      throw new Error(`Cannot start ${id} without its privileged half: run flowspan as root`)
    }
    const info = inherited.info as KernelInfo
    const kernel = openKernelMaps(inherited.fds, info)
    const first = kernel.connections.position() === 0 && kernel.payload.position() === 0
    this.#losses = new KernelLosses(kernel.counters, ledger, { first })
    this.#kernel = kernel
    this.#followed.dropReasons = info.dropReasons
    this.#waitMs = this.#config.interval
    const stops = [
      measure(this.#settings, info),
      measureDrops(this.#settings, { counters: kernel.counters, reasons: info.dropReasons }),
    ]
    this.#stopMeasuring = () => {
      for (const stop of stops) stop()
    }
    for (const line of describeCapture(info)) logger.info(line)
    this.#schedule()
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const kernel = this.#kernel
    if (kernel === undefined) return
    this.#drainAll(kernel)
    this.#kernel = undefined
    this.#stopMeasuring()
    kernel.close()
    this.#followed.stop()
    this.#flushRows()
    await this.#outbox.close(deadline)
  }

  /**
   * Everything that was read of open connections and exchanges stays. What the privileged half was
   * opened with is the same in both configs (`fixed` of index.ts).
   */
  reconfigure(config: unknown): () => void {
    const wanted = config as EbpfConfig
    return () => {
      this.#config = wanted
      this.#followed.reconfigure(wanted)
      this.#rows.rowsMax = wanted.batch.rows
      this.#flushRows()
      this.#origin.names = wanted.host
      if (this.#kernel === undefined) return
      clearTimeout(this.#timer)
      this.#waitMs = wanted.interval
      this.#schedule()
    }
  }

  held(): number {
    return this.#followed.held + this.#rows.rows + this.#outbox.held
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#look(), this.#waitMs)
  }

  #look(): void {
    const kernel = this.#kernel
    if (kernel === undefined) return
    const nowMs = performance.now()
    let records = 0
    const share = ringShare(kernel)
    // What the pipeline does not take stays in the rings: they are the larger buffer.
    if (this.#outbox.held < this.#config.backlog_rows_max) records = this.#drain(kernel)
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) {
      this.#sweptMs = nowMs
      this.#followed.sweep()
    }
    this.#waitMs = this.#nextWaitMs(records, share)
    // A row's record came up to a look earlier; of the looks to come the nearest to its time is it.
    const ageMs = this.#rows.ageMs(nowMs) + this.#waitMs
    if (ageMs + this.#waitMs / 2 >= this.#config.batch.latency) this.#flushRows()
    this.#schedule()
  }

  #drain(kernel: Kernel): number {
    const { connections, payload } = kernel
    const until = payload.snapshot()
    const connectionsUntil = connections.snapshot()
    this.#losses?.update()
    this.#updateClock()
    const opened = connections.drain(this.#followed.connectionRecord, { until: connectionsUntil })
    this.#followed.payloadBehind = payload.snapshot()
    // A record still being written holds up those behind it, and may be of a new connection.
    const known = connections.position() >= connectionsUntil
    const limit = PAYLOAD_RECORDS_MAX
    const pieces = known ? payload.drain(this.#followed.payloadRecord, { until, limit }) : 0
    this.#followed.settle(payload.position())
    this.#settings.ledger.in += opened + pieces
    return opened + pieces
  }

  /** Until both rings are where they were when this began. */
  #drainAll(kernel: Kernel): void {
    const { connections, payload } = kernel
    const connectionsUntil = connections.snapshot()
    const payloadUntil = payload.snapshot()
    let records = 0
    do records = this.#drain(kernel)
    while (
      records > 0 &&
      (connections.position() < connectionsUntil || payload.position() < payloadUntil)
    )
  }

  #updateClock(): void {
    const stepMs = this.#clock.update()
    if (stepMs === 0) return
    this.#settings.ledger.note('wall_clock_steps', 1)
    this.#settings.logger.warn({ step_ms: stepMs }, 'The wall clock was stepped')
  }

  #flushRows(): void {
    const batch = this.#rows.take()
    if (batch !== undefined) this.#send(batch)
  }

  #send(batch: FlowBatch): void {
    this.#origin.stamp(batch)
    this.#outbox.send(batch)
  }

  /** At once after a full look, else the later the emptier the rings were found. */
  #nextWaitMs(records: number, share: number): number {
    if (records >= PAYLOAD_RECORDS_MAX) return 0
    const { interval, interval_max } = this.#config
    const later = Math.min(this.#waitMs * 1.5 + 1, interval_max)
    const allowed = share === 0 ? interval_max : (this.#waitMs * RING_SHARE_MAX) / share
    return Math.max(interval, Math.min(later, allowed))
  }
}

/** How full the fuller of the rings is, 0 to 1. */
function ringShare({ connections, payload }: Kernel): number {
  return Math.max(connections.pending() / connections.bytes, payload.pending() / payload.bytes)
}

function openKernelMaps(fds: readonly number[], info: KernelInfo): Kernel {
  const [connectionsFd, payloadFd, countersFd, wantsFd] = fds as [number, number, number, number]
  const connections = openRing(connectionsFd, info.connRingBytes)
  const payload = openRing(payloadFd, info.payloadRingBytes)
  const counters = openCounters(countersFd)
  const { wants, close: closeWants } = openWants(wantsFd)
  return {
    connections,
    payload,
    counters,
    wants,
    close() {
      closeWants()
      connections.close()
      payload.close()
      counters.close()
    },
  }
}
