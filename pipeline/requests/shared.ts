/** What the parsers of all connections of a receiver share: counts, bounds, and options. */
import { toNumber } from '../u64.ts'
import { Http1Shared } from './http1/shared.ts'
import { TopicNames } from './kafka/topic_names.ts'
import type { Clock } from './rows.ts'
import type { QueryPolicy } from './target.ts'

export interface SharedOptions {
  /** What becomes of values in targets and queries. */
  readonly query: QueryPolicy
  /** A DNS query without an answer is given up after it. */
  readonly dnsTimeoutNs: number
}

export class Shared {
  readonly http1 = new Http1Shared()
  readonly kafkaTopics = new TopicNames()
  /** Bytes that parsers keep of messages which come in parts; `keep` says whether one more may. */
  keptBytes = 0
  readonly keptBytesMax: number
  /** By name: `redis_desynchronised`. Noted in the receiver's ledger. */
  readonly counts = new Map<string, number>()
  readonly #clock: Clock | undefined
  readonly #options: () => SharedOptions

  /** @param options as they are at the moment: a reload may change them */
  constructor(options: () => SharedOptions, of: { clock?: Clock; keptBytesMax?: number } = {}) {
    this.#options = options
    this.#clock = of.clock
    this.keptBytesMax = of.keptBytesMax ?? 32 << 20
  }

  get query(): QueryPolicy {
    return this.#options().query
  }

  get dnsTimeoutNs(): number {
    return this.#options().dnsTimeoutNs
  }

  /** Unix time of the clock of pieces, about a microsecond off. */
  unixNs(ns: number): number {
    const [lo, hi] = this.#clock?.offset ?? [0, 0]
    return toNumber(lo, hi) + ns
  }

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** Whether so many bytes more may be kept; they are counted then, until `release`. */
  keep(bytes: number): boolean {
    if (this.keptBytes + bytes > this.keptBytesMax) return false
    this.keptBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.keptBytes -= bytes
  }
}
