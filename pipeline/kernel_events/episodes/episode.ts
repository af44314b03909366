/** An episode: between two ends the network is worse than before. */
import type { Sign } from './sign.ts'

/** Flows that are named; all that are seen are counted, as far as FLOWS_MAX. */
const FLOW_IDS_MAX = 16
const FLOWS_MAX = 1024
/** Of shares: it is not over before so many of the usual gaps went by without one. */
const GAPS = 10

export class Episode {
  readonly edge: string
  readonly kind: number
  readonly startNs: number
  /** The record it began with, for the ends and the process. */
  readonly record: DataView
  /** Of the last sign. */
  lastNs = 0
  worstUs = Number.NaN
  worstLoss = Number.NaN
  /** When a row was made of it last. */
  toldNs = 0
  readonly #flows = new Set<string>()
  #signs = 0
  #isOfShares = false

  constructor(sign: Sign, startNs: number) {
    this.edge = sign.edge
    this.kind = sign.kind
    this.startNs = startNs
    this.record = sign.record()
  }

  get flows(): number {
    return this.#flows.size
  }

  get flowIds(): string {
    return [...this.#flows].slice(0, FLOW_IDS_MAX).join(',')
  }

  /** `lossShare`: of the edge, where the sign is one of segments or SYNs that went in vain. */
  add(sign: Sign, lossShare: number | undefined): void {
    this.#signs++
    this.lastNs = sign.timeNs
    if (this.#flows.size < FLOWS_MAX) this.#flows.add(sign.flow)
    // NaN at first, and never below 0.
    if (lossShare === undefined) this.worstUs = Math.max(this.worstUs || 0, sign.leastUs)
    else {
      this.#isOfShares = true
      this.worstLoss = Math.max(this.worstLoss || 0, lossShare)
    }
  }

  isOver(nowNs: number, quietNs: number): boolean {
    const gapNs = this.#isOfShares ? (this.lastNs - this.startNs) / this.#signs : 0
    return nowNs - this.lastNs >= Math.max(quietNs, gapNs * GAPS)
  }
}
