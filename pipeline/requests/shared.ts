/** What the parsers of all connections of a receiver share: counts, bounds, and options. */
import { Http1Shared } from './http1/shared.ts'
import type { QueryPolicy } from './http1/target.ts'

export interface SharedOptions {
  /** What becomes of values in targets and queries. */
  readonly query: QueryPolicy
}

export class Shared {
  readonly http1 = new Http1Shared()
  /** Bytes that parsers keep of messages which come in parts; `keep` says whether one more may. */
  keptBytes = 0
  readonly keptBytesMax: number
  /** By name: `redis_desynchronised`. Noted in the receiver's ledger. */
  readonly counts = new Map<string, number>()
  readonly #options: () => SharedOptions

  /** @param options as they are at the moment: a reload may change them */
  constructor(options: () => SharedOptions, keptBytesMax = 32 << 20) {
    this.#options = options
    this.keptBytesMax = keptBytesMax
  }

  get query(): QueryPolicy {
    return this.#options().query
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
