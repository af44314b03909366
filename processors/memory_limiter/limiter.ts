/**
 * Decides whether there is memory for more data. One for all pipelines of a processor's id.
 *
 *     0 ───────────── soft ───────────────── hard ──────────── what the OOM killer allows
 *          take        │ refuse; collect now   │ refuse; collect
 *                      │ and then              │ at every check
 *                       ◀── spike limit ──────▶
 *
 * Memory is looked at every `check_interval`, and in between whenever data for an eighth of the
 * spike limit was taken: the interval alone would let a fast sender pass both limits unseen.
 * Options, messages and the back-off between collections that free nothing are the Collector's.
 */
import type { Logger } from 'pino'
import type { MemoryLimiterConfig } from './config.ts'
import type { Memory } from './memory.ts'

const MIB = 1024 * 1024
/** V8 frees payload on another thread, after a collection. */
const SWEEP_MS = 50
/** A collection that frees less than this share was in vain. */
const EFFECTIVE = 0.05

/** Hears when the limiter begins or ends to refuse. */
export type OnChange = (refusing: boolean) => void

export interface LimiterSettings {
  readonly config: MemoryLimiterConfig
  readonly logger: Logger
  readonly memory: Memory
  /** What `limit_percentage` is a share of, in bytes. */
  readonly total: () => number
}

export class Limiter {
  readonly limit: number
  readonly spike: number
  readonly #config: MemoryLimiterConfig
  readonly #logger: Logger
  readonly #memory: Memory
  readonly #users = new Set<OnChange>()
  #timer: NodeJS.Timeout | undefined
  /** Runs while a collection is being finished. */
  #sweep: NodeJS.Timeout | undefined
  #refusing = false
  /** Bytes taken since memory was looked at. */
  #taken = 0
  #lastUsed = Number.POSITIVE_INFINITY
  #lastGcMs = Number.NEGATIVE_INFINITY
  #softIntervalMs = 0
  #hardIntervalMs = 0

  constructor({ config, logger, memory, total }: LimiterSettings) {
    this.#config = config
    this.#logger = logger
    this.#memory = memory
    const { limit_mib, spike_limit_mib, limit_percentage, spike_limit_percentage } = config
    const all = limit_mib > 0 ? 0 : total()
    this.limit = limit_mib > 0 ? limit_mib * MIB : (all * limit_percentage) / 100
    const spike = limit_mib > 0 ? spike_limit_mib * MIB : (all * spike_limit_percentage) / 100
    this.spike = spike === 0 ? this.limit / 5 : spike
    if (limit_mib === 0) {
      const share = { limit_percentage, spike_limit_percentage }
      logger.info({ total_memory_mib: mib(all), ...share }, 'Using percentage memory limiter')
    }
    logger.info(
      {
        limit_mib: mib(this.limit),
        spike_limit_mib: mib(this.spike),
        check_interval_ms: config.check_interval,
      },
      'Memory limiter configured',
    )
  }

  get refusing(): boolean {
    return this.#refusing
  }

  /** Looks at memory for as long as there is a user. */
  join(user: OnChange): void {
    this.#users.add(user)
    this.#timer ??= setInterval(() => this.check(), this.#config.check_interval)
  }

  /** Safe twice, and without `join`. */
  leave(user: OnChange): void {
    this.#users.delete(user)
    if (this.#users.size > 0) return
    clearInterval(this.#timer)
    clearTimeout(this.#sweep)
    this.#timer = undefined
    this.#sweep = undefined
  }

  /** So many bytes were let in. */
  took(bytes: number): void {
    this.#taken += bytes
    if (this.#taken < this.spike / 8) return
    this.#taken = 0
    const used = this.#memory.used()
    // Here without a collection, as it may be under way, or not be due for a while.
    if (used >= this.limit) this.#refuse(true, used)
    if (used >= this.#soft) this.check()
  }

  /** Looks at memory, and does what has to be done about it. */
  check(): void {
    if (this.#sweep !== undefined) return
    this.#taken = 0
    const used = this.#measure()
    this.#logger.debug(inMib(used), 'Currently used memory.')
    this.#rememberDrop(used)
    if (used < this.#soft || !this.#mayCollect(used)) this.#refuse(used >= this.#soft, used)
    else this.#collect(used)
  }

  get #soft(): number {
    return this.limit - this.spike
  }

  #mayCollect(used: number): boolean {
    const config = this.#config
    const interval =
      used >= this.limit
        ? Math.max(config.min_gc_interval_when_hard_limited, this.#hardIntervalMs)
        : Math.max(config.min_gc_interval_when_soft_limited, this.#softIntervalMs)
    return performance.now() - this.#lastGcMs > interval
  }

  /** Above the soft limit only what is left after free pages were given back counts. */
  #measure(): number {
    const used = this.#memory.used()
    if (used < this.#soft) return used
    this.#memory.trim()
    return this.#memory.used()
  }

  #collect(before: number): void {
    if (before >= this.limit) {
      this.#refuse(true, before)
      this.#logger.warn(inMib(before), 'Memory usage is above hard limit. Forcing a GC.')
    } else {
      this.#logger.info(inMib(before), 'Memory usage is above soft limit. Forcing a GC.')
    }
    this.#memory.gc()
    this.#lastGcMs = performance.now()
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined
      const used = this.#measure()
      this.#logger.info(inMib(used), 'Memory usage after GC.')
      const inVain = used >= this.#soft && used > this.#lastUsed * (1 - EFFECTIVE)
      this.#rememberDrop(used)
      if (inVain) this.#backOff(used)
      this.#refuse(used >= this.#soft, used)
    }, SWEEP_MS)
  }

  /** Memory that became less, by a collection or otherwise, ends the back-off. */
  #rememberDrop(used: number): void {
    if (used < this.#soft || used <= this.#lastUsed * (1 - EFFECTIVE)) {
      this.#softIntervalMs = 0
      this.#hardIntervalMs = 0
    }
    this.#lastUsed = used
  }

  #backOff(used: number): void {
    const config = this.#config
    this.#softIntervalMs = this.#next(this.#softIntervalMs, {
      min: config.min_gc_interval_when_soft_limited,
      max: config.max_gc_interval_when_soft_limited,
    })
    this.#hardIntervalMs = this.#next(this.#hardIntervalMs, {
      min: config.min_gc_interval_when_hard_limited,
      max: config.max_gc_interval_when_hard_limited,
    })
    this.#logger.warn(
      {
        next_soft_gc_interval_ms: this.#softIntervalMs,
        next_hard_gc_interval_ms: this.#hardIntervalMs,
        ...inMib(used),
      },
      'Forced GC did not reclaim enough memory. ' +
        'Will back off GC frequency to preserve CPU for recovery.',
    )
  }

  #next(current: number, { min, max }: { min: number; max: number }): number {
    if (max === 0) return min
    // A little less than the interval, so that a timer's jitter does not skip a check.
    const floor = Math.max(min, this.#config.check_interval * 0.95)
    return Math.min(Math.max(current, floor) * 2, Math.max(max, min))
  }

  #refuse(refusing: boolean, used: number): void {
    if (refusing === this.#refusing) return
    this.#refusing = refusing
    if (refusing) {
      this.#logger.warn(inMib(used), 'Memory usage is above soft limit. Refusing data.')
    } else {
      const message = 'Memory usage back within limits. Resuming normal operation.'
      this.#logger.info(inMib(used), message)
    }
    for (const user of this.#users) user(refusing)
  }
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}

function inMib(used: number): { cur_mem_mib: number } {
  return { cur_mem_mib: mib(used) }
}
