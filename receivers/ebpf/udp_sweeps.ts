/** The keeper's part in UDP: what the programs are told of it, and looking its flows over. */
import { Knobs, Sweep, UDP_LIMIT, UdpKnobs } from '../../pipeline/kernel_events/events.gen.ts'
import type { BpfObject } from './libbpf.ts'

/** A flow that is shorter has one row; a socket's end is told so much later. */
const INTERVAL_MS = 1000
/** After a sweep that had nothing to look for. */
const QUIET_INTERVAL_MS = 3000
const NS_PER_MS = 1_000_000n

export interface UdpConfig {
  readonly enabled: boolean
  /** A flow is over when nothing has come for so long. */
  readonly idleMs: number
  /** Flows that are followed at the same time. */
  readonly flowsMax: number
  /** Datagrams to and from these ports are read; at most UDP_LIMIT.DNS_PORTS_MAX. */
  readonly dnsPorts: readonly number[]
}

export function setUdpKnobs(knobs: DataView, { idleMs, dnsPorts }: UdpConfig): void {
  knobs.setBigUint64(Knobs.udp + UdpKnobs.idle_ns, BigInt(idleMs) * NS_PER_MS, true)
  for (const [index, port] of dnsPorts.slice(0, UDP_LIMIT.DNS_PORTS_MAX).entries()) {
    knobs.setUint16(Knobs.udp + UdpKnobs.dns_ports + 2 * index, port, true)
  }
}

export class UdpSweeps {
  readonly #object: BpfObject
  readonly #isLoaded: boolean
  #timer: NodeJS.Timeout | undefined

  /** `programs`: those that this kernel took and that are run when needed. */
  constructor(object: BpfObject, programs: ReadonlySet<string>) {
    this.#object = object
    this.#isLoaded = programs.has('sweep_udp')
    if (this.#isLoaded) this.#again(INTERVAL_MS)
  }

  /** Tells of all flows that were told of before, for a reader that knows none. */
  all(): void {
    if (this.#isLoaded) this.#sweep(1)
  }

  /** Safe twice. */
  close(): void {
    clearTimeout(this.#timer)
  }

  #again(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#again(this.#sweep(0) ? INTERVAL_MS : QUIET_INTERVAL_MS)
    }, ms).unref()
  }

  /** Whether there was anything to look for. */
  #sweep(again: number): boolean {
    const context = new DataView(new ArrayBuffer(Sweep.size))
    context.setUint32(Sweep.again, again, true)
    return this.#object.run('sweep_udp', new Uint8Array(context.buffer)) !== 0
  }
}
