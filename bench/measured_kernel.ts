/** The kernel programs, for benches that read what a run of them costs (bpf_stats_enabled). */
import { pino } from 'pino'
import { COUNTER } from '../pipeline/kernel_events/events.gen.ts'
import { openCounters } from '../receivers/ebpf/counters.ts'
import { type KernelConfig, keepKernel, loadKernel } from '../receivers/ebpf/keeper.ts'
import { openRing, type Ring } from '../receivers/ebpf/ring.ts'

const DRAIN_MS = 10
/** Requests alone: what else is measured is turned on. */
const CONFIG: KernelConfig = {
  requests: true,
  drops: false,
  interimMs: 0,
  connRingBytes: 4 << 20,
  payloadRingBytes: 16 << 20,
  captureSmallBytes: 1024,
  captureMaxBytes: 4096,
  udp: { enabled: false, idleMs: 60_000, flowsMax: 1, dnsPorts: [] },
}

/** The programs that see payload. */
const PAYLOAD_PROGRAMS = ['received', 'sent']

/** Of those, up to now. */
export interface PayloadCost {
  readonly ns: number
  readonly runs: number
  readonly records: number
}

/** Attached, with a reader that throws away what they tell. */
export class MeasuredKernel {
  readonly object
  readonly counters
  readonly #kept
  readonly #rings: readonly Ring[]
  readonly #timer: NodeJS.Timeout

  constructor(changes: Partial<KernelConfig> = {}) {
    const config = { ...CONFIG, ...changes }
    const loaded = loadKernel(config)
    this.object = loaded.object
    this.#kept = keepKernel(loaded, config, { logger: pino({ enabled: false }) })
    const [connections, payload, counters] = this.#kept.fds as [number, number, number]
    this.#rings = [
      openRing(connections, config.connRingBytes),
      openRing(payload, config.payloadRingBytes),
    ]
    this.counters = openCounters(counters)
    this.#timer = setInterval(() => {
      for (const ring of this.#rings) ring.drain(() => {})
    }, DRAIN_MS)
  }

  payload(): PayloadCost {
    const stats = PAYLOAD_PROGRAMS.map((program) => this.object.stats(program))
    return {
      ns: stats.reduce((sum, { runNs }) => sum + runNs, 0),
      runs: stats.reduce((sum, { runs }) => sum + runs, 0),
      records: this.counters.read(COUNTER.COUNTER_PAYLOAD_EVENTS),
    }
  }

  close(): void {
    clearInterval(this.#timer)
    for (const ring of this.#rings) ring.close()
    this.counters.close()
    this.#kept.close()
  }
}
