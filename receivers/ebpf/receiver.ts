/**
 * The unprivileged half: reads the rings that it inherited, has rows made, hands them on.
 *
 *     connection ring ─┐
 *     payload ring ────┴▶ KernelEvents (pipeline/kernel_events/) ─▶ Outbox ─▶ next
 *                             └▶ recording, if there shall be one
 *
 * A wake sees how full the rings are. They are looked at when a row would be late else, when they
 * would be too full at the next wake, or when the kernel asks for it: a look costs as much as
 * dozens of rows. While nothing comes there are no wakes (sleep.ts). It is this, in this order, so
 * that a connection is known before its bytes and forgotten after them, although the two come by
 * different rings:
 *   1. note the rings' ends; 2. read clocks and counters; 3. drain the connection ring;
 *   4. drain the payload ring up to 1; 5. forget connections whose record of 3 is older than 4.
 */
import type { Component, Consumer, Host, Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { hostNames, Origin } from '../../pipeline/flows/origin.ts'
import { KernelEvents, type KernelSink } from '../../pipeline/kernel_events/kernel_events.ts'
import { ChangedCounters, type Recorder } from '../../pipeline/kernel_events/recording/recorder.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import { listenForAlarms } from './alarm.ts'
import { type OpenBooked, openBooked } from './booked.ts'
import type { Descriptors, KernelInfo } from './capabilities.ts'
import { WallClock } from './clock.ts'
import { type EbpfConfig, latencyMs } from './config.ts'
import { type Counters, openCounters } from './counters.ts'
import { describeCapture } from './describe.ts'
import { measureDrops } from './drop_counts.ts'
import { measure } from './measure.ts'
import { RECORDING_FD, startRecording } from './recording.ts'
import { openRing, type Ring } from './ring.ts'
import { askForShortTurns } from './short_turns.ts'
import { Sleep } from './sleep.ts'
import { openSpoken, type SpokenMemory } from './spoken.ts'
import { openWants, type Wants } from './wants.ts'

/** Records of payload that one look handles, so that others get their turn. */
const PAYLOAD_RECORDS_MAX = 16_384
/** How often exchanges are looked over for those that last. */
const SWEEP_INTERVAL_MS = 250
/**
 * How full a look shall find the rings, at most: so a load that grows eightfold before the next
 * wake loses nothing.
 */
const RING_SHARE_MAX = 1 / 8
/** While nothing comes, so often is asked what the kernel has counted. */
const IDLE_INTERVAL_MS = 1000
/** The same while the kernel would wake for a record. */
const ASLEEP_INTERVAL_MS = 5000
/** When nothing has come for so long, all exchanges that may be open have been told of as that. */
const SETTLED_MS = 3000

interface Kernel {
  readonly connections: Ring
  readonly payload: Ring
  readonly counters: Counters
  readonly wants: Wants
  readonly booked: OpenBooked
  readonly spoken: SpokenMemory
  close(): void
}

export class EbpfReceiver implements Component {
  readonly #settings: Settings
  #config: EbpfConfig
  readonly #clock = new WallClock()
  readonly #origin: Origin
  readonly #outbox: Outbox<'flows'>
  #kernel: Kernel | undefined
  #events: KernelEvents | undefined
  /** What is told of looks: `#events`, or the recording before it. */
  #sink: KernelSink | undefined
  #recording: Recorder | undefined
  #stopMeasuring = () => {}
  #timer: NodeJS.Timeout | undefined
  /** Of the kernel that wakes it; undefined: none does. */
  #sleep: Sleep | undefined
  #waitMs = 0
  #lookedMs = 0
  /** When a look found something last. */
  #foundMs = 0
  #sweptMs = 0

  constructor(settings: Settings, config: EbpfConfig, next: Consumer<'flows'>) {
    this.#settings = settings
    this.#config = config
    this.#origin = new Origin(config.host)
    this.#outbox = new Outbox(next, settings.ledger)
  }

  start(host: Host): void {
    const { inherited, id, logger } = this.#settings
    if (inherited === undefined) {
      throw new Error(`Cannot start ${id} without its privileged half: run flowspan as root`)
    }
    const info = inherited.info as KernelInfo
    const kernel = openKernelMaps(inherited.fds, info)
    this.#kernel = kernel
    this.#bookKilled(kernel.booked)
    this.#listen(kernel, info, host)
    this.#waitMs = this.#config.interval
    const stops = [
      measure(this.#settings, info),
      measureDrops(this.#settings, { counters: kernel.counters, reasons: info.dropReasons }),
    ]
    const [connectionsFd, payloadFd] = inherited.fds as Descriptors
    const alarms = listenForAlarms([connectionsFd, payloadFd], () => this.#hurry())
    stops.push(alarms.stop)
    // Signs of episodes are looked for by the clock.
    if (this.#config.episodes.enabled) askForShortTurns()
    else if (alarms.areHeard) this.#sleep = new Sleep(kernel.booked)
    this.#stopMeasuring = () => {
      for (const stop of stops) stop()
    }
    for (const line of describeCapture(info)) logger.info(line)
    this.#schedule()
  }

  /** What the process before held, if it was killed: it went with that one. */
  #bookKilled(booked: OpenBooked): void {
    const { ledger } = this.#settings
    ledger.in += booked.held
    ledger.lost('process_killed', booked.held)
    booked.held = 0
  }

  /** From here on rows can be made. */
  #listen(kernel: Kernel, info: KernelInfo, host: Host): void {
    const { ledger, inherited } = this.#settings
    const recordingFd = inherited?.fds[RECORDING_FD]
    const first = kernel.connections.position() === 0 && kernel.payload.position() === 0
    const counters =
      recordingFd === undefined ? kernel.counters : new ChangedCounters(kernel.counters)
    const events = new KernelEvents(this.#config, {
      ledger,
      origin: this.#origin,
      counters,
      first,
      // A recording begins with what the counters say then.
      booked: recordingFd === undefined ? kernel.booked : undefined,
      memory: recordingFd === undefined ? kernel.spoken : undefined,
      dropReasons: info.dropReasons,
      send: (batch) => this.#send(batch),
      tellWanted: (id, conversation) => this.#kernel?.wants.tell(id, conversation),
    })
    this.#events = events
    this.#sink = events
    if (recordingFd === undefined || !(counters instanceof ChangedCounters)) return
    const recording = startRecording(recordingFd, events, {
      settings: this.#settings,
      config: this.#config,
      run: this.#origin.run,
      first,
      info,
      counters,
      over: () => host.finished(),
    })
    this.#recording = recording
    if (recording !== undefined) this.#sink = recording
  }

  /**
   * A batch may fill in the midst of a drain. Whoever takes over if this process is killed shall
   * not make its rows once more, but count them: they are in the books first, and then no longer in
   * the rings.
   */
  #send(batch: FlowBatch): void {
    const kernel = this.#kernel
    if (kernel !== undefined) {
      kernel.booked.held = this.held() + batch.rows
      kernel.connections.commit()
      kernel.payload.commit()
    }
    this.#outbox.send(batch)
    if (kernel !== undefined) kernel.booked.held = this.held()
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const kernel = this.#kernel
    if (kernel === undefined) return
    this.#drainAll(kernel)
    this.#kernel = undefined
    this.#stopMeasuring()
    this.#sink?.stop()
    await Promise.all([this.#recording?.close(), this.#outbox.close(deadline)])
    // All that was held is handed on by now, or in the books as lost.
    kernel.booked.held = 0
    kernel.close()
  }

  /**
   * Everything that was read of open connections and exchanges stays. What the privileged half was
   * opened with is the same in both configs (`fixed` of index.ts).
   */
  reconfigure(config: unknown): () => void {
    const wanted = config as EbpfConfig
    return () => {
      this.#config = wanted
      const names = hostNames(wanted.host)
      if (this.#sink === undefined) this.#origin.names = names
      else this.#sink.reconfigure(wanted, names)
      if (this.#kernel === undefined) return
      clearTimeout(this.#timer)
      this.#waitMs = wanted.interval
      this.#schedule()
    }
  }

  held(): number {
    return (this.#events?.held ?? 0) + this.#outbox.held
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#wake(), Math.max(this.#waitMs, this.#sleepMs()))
  }

  /** How long it may sleep, as nothing is there and nothing depends on the time; 0: not at all. */
  #sleepMs(): number {
    const [kernel, sleep] = [this.#kernel, this.#sleep]
    if (kernel === undefined || sleep === undefined) return 0
    const isEmpty = this.#waitMs > 0 && this.held() === 0 && ringShare(kernel) === 0
    const isUnfinished = this.#events?.unfinished !== 0
    if (!isEmpty || (isUnfinished && performance.now() - this.#foundMs < SETTLED_MS)) {
      sleep.wake()
      return 0
    }
    if (!sleep.fallAsleep()) return 0
    return isUnfinished ? IDLE_INTERVAL_MS : ASLEEP_INTERVAL_MS
  }

  /** @param isAsked by the kernel, for a look */
  #wake(isAsked = false): void {
    const kernel = this.#kernel
    if (kernel === undefined) return
    const nowMs = performance.now()
    if (isAsked || this.#isDue(kernel, nowMs)) this.#look(kernel, nowMs)
    this.#schedule()
  }

  /** Whether what there is cannot wait for the next wake, the rings filling as they did so far. */
  #isDue(kernel: Kernel, nowMs: number): boolean {
    // A full look has left something behind; or rows wait for their batch.
    if (this.#waitMs === 0 || this.held() > 0) return true
    const { episodes } = this.#config
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) {
      if (episodes.enabled || this.#events?.unfinished !== 0) return true
    }
    const sinceMs = nowMs - this.#lookedMs
    const share = ringShare(kernel)
    if (share === 0) return sinceMs + this.#waitMs / 2 >= IDLE_INTERVAL_MS
    if (share * (sinceMs + this.#waitMs) > RING_SHARE_MAX * sinceMs) return true
    return sinceMs + this.#waitMs / 2 >= latencyMs(this.#config)
  }

  /** The kernel asks for a look. */
  #hurry(): void {
    const kernel = this.#kernel
    if (kernel === undefined) return
    clearTimeout(this.#timer)
    const { interval, interval_max } = this.#config
    const sinceMs = performance.now() - this.#lookedMs
    let waitMs = Math.max(0, interval - sinceMs)
    // The first record for a while: others may come with it.
    const isFirst = this.#sleep?.isCalled === true && ringShare(kernel) < RING_SHARE_MAX
    if (isFirst) waitMs = Math.min(interval_max, latencyMs(this.#config))
    this.#sleep?.wake()
    this.#timer = setTimeout(() => this.#wake(true), waitMs)
  }

  #look(kernel: Kernel, nowMs: number): void {
    const [events, sink] = [this.#events, this.#sink]
    if (events === undefined || sink === undefined) return
    let records = 0
    const share = ringShare(kernel)
    const sinceMs = nowMs - this.#lookedMs
    this.#lookedMs = nowMs
    // What the pipeline does not take stays in the rings: they are the larger buffer.
    if (this.#outbox.held < this.#config.backlog_rows_max) records = this.#drain(kernel, sink)
    else this.#begin(sink)
    if (records > 0) this.#foundMs = nowMs
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) {
      this.#sweptMs = nowMs
      sink.sweep()
    }
    this.#waitMs = this.#nextWaitMs({ records, share, sinceMs })
    // A row's record came up to a look earlier; of the wakes to come the nearest to its time is it.
    const ageMs = events.ageMs(nowMs) + sinceMs
    const isLate = ageMs + this.#waitMs / 2 >= latencyMs(this.#config)
    if (isLate || events.urgent) sink.flush()
    kernel.booked.held = this.held()
  }

  #drain(kernel: Kernel, sink: KernelSink): number {
    const { connections, payload } = kernel
    const until = payload.snapshot()
    const connectionsUntil = connections.snapshot()
    this.#begin(sink)
    sink.losses()
    const opened = connections.drain(sink.connectionRecord, { until: connectionsUntil })
    sink.behind(payload.snapshot())
    // A record still being written holds up those behind it, and may be of a new connection.
    const known = connections.position() >= connectionsUntil
    const limit = PAYLOAD_RECORDS_MAX
    const pieces = known ? payload.drain(sink.payloadRecord, { until, limit }) : 0
    sink.settle(payload.position())
    return opened + pieces
  }

  /** Until both rings are where they were when this began. */
  #drainAll(kernel: Kernel): void {
    const sink = this.#sink
    if (sink === undefined) return
    const connectionsUntil = kernel.connections.snapshot()
    const payloadUntil = kernel.payload.snapshot()
    let records = 0
    do records = this.#drain(kernel, sink)
    while (
      records > 0 &&
      (kernel.connections.position() < connectionsUntil || kernel.payload.position() < payloadUntil)
    )
  }

  /** Reads the clocks. */
  #begin(sink: KernelSink): void {
    const stepMs = this.#clock.update()
    sink.look(monotonicNs(), this.#clock.offset)
    if (stepMs === 0) return
    this.#settings.ledger.note('wall_clock_steps', 1)
    this.#settings.logger.warn({ step_ms: stepMs }, 'The wall clock was stepped')
  }

  /** At once after a full look, else the later the slower the rings fill. */
  #nextWaitMs(found: { records: number; share: number; sinceMs: number }): number {
    if (found.records >= PAYLOAD_RECORDS_MAX) return 0
    const { interval, interval_max } = this.#config
    const later = Math.min(this.#waitMs * 1.5 + 1, interval_max, latencyMs(this.#config))
    const allowed = (found.sinceMs * RING_SHARE_MAX) / found.share
    return Math.max(interval, Math.min(later, allowed))
  }
}

/** CLOCK_MONOTONIC, as the records have it. */
function monotonicNs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e9 + nanoseconds
}

/** How full the fuller of the rings is, 0 to 1. */
function ringShare({ connections, payload }: Kernel): number {
  return Math.max(connections.pending() / connections.bytes, payload.pending() / payload.bytes)
}

function openKernelMaps(fds: readonly number[], info: KernelInfo): Kernel {
  const [connectionsFd, payloadFd, countersFd, wantsFd, bookedFd, spokenFd] = fds as Descriptors
  const connections = openRing(connectionsFd, info.connRingBytes)
  const payload = openRing(payloadFd, info.payloadRingBytes)
  const counters = openCounters(countersFd)
  const { wants, close: closeWants } = openWants(wantsFd)
  const booked = openBooked(bookedFd)
  const { spoken, close: closeSpoken } = openSpoken(spokenFd)
  return {
    connections,
    payload,
    counters,
    wants,
    booked,
    spoken,
    close() {
      closeSpoken()
      booked.close()
      closeWants()
      connections.close()
      payload.close()
      counters.close()
    },
  }
}
