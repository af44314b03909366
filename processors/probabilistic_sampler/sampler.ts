/**
 * Decides about one trace, as the Collector's processor does: for the same trace id, tracestate and
 * options the decision and the tracestate that goes on are the same.
 */
import type { SamplerConfig } from './config.ts'
import { hashRandomness, hashThreshold } from './hash.ts'
import {
  ALWAYS,
  longThreshold,
  NEVER,
  PROBABILITY_MIN,
  probabilityOf,
  randomnessOf,
  shortThreshold,
  thresholdOf,
} from './threshold.ts'
import { formatTraceState, parseTraceState, type TraceState } from './trace_state.ts'

/** What `sampling.priority` says (OpenTracing): nothing, never, always. */
export type Priority = 'none' | 'never' | 'always'

export interface Subject {
  /** 32 hexadecimal digits, '' or zeros: none. */
  readonly traceId: string
  readonly traceState: string
  readonly priority: Priority
}

/** What decided, by the Collector's names. */
export const POLICIES = [
  'missing_randomness',
  'trace_id_hash',
  'trace_id_w3c',
  'sampling_randomness',
  'sampling_priority',
] as const
export type Policy = (typeof POLICIES)[number]

export interface Decision {
  readonly kept: boolean
  readonly policy: Policy
  readonly traceState: string
  /** Neither probability nor priority decided: no randomness, a tracestate that cannot be. */
  readonly failed: boolean
}

const NO_TRACE = /^0*$/
/** Above all thresholds but NEVER. */
const ALL_RANDOM = 'f'.repeat(14)
/** Thresholds that traces came with; the next one past it begins anew. */
const PRODUCTS_MAX = 1000

export class Sampler {
  readonly #config: SamplerConfig
  readonly #mode: 'hash_seed' | 'equalizing' | 'proportional'
  readonly #isNever: boolean
  readonly #probability: number
  readonly #threshold: string
  readonly #products = new Map<string, string>()

  constructor(config: SamplerConfig) {
    const percentage = Math.min(Math.fround(config.sampling_percentage), 100)
    this.#config = config
    this.#mode = config.mode
    this.#probability = Math.max(percentage / 100, PROBABILITY_MIN)
    this.#threshold =
      this.#mode === 'hash_seed'
        ? hashThreshold(percentage)
        : thresholdOf(this.#probability, config.sampling_precision)
    this.#isNever = percentage === 0 || this.#threshold === NEVER
  }

  decide({ traceId, traceState, priority }: Subject): Decision {
    if (this.#isNever) return never(priority, traceState)
    const isHash = this.#mode === 'hash_seed'
    const hasTrace = !NO_TRACE.test(traceId)
    let state = parseTraceState(traceState)
    const policy = priority === 'none' ? this.#policy(hasTrace, state) : 'sampling_priority'
    const randomness = this.#randomness(traceId, hasTrace, state)
    // What a consistent sampler has written is not for this hash: it is left alone.
    if (isHash && (state?.rv || state?.th)) state = undefined
    let failed = state === undefined || !hasTrace
    if (state && isHash && hasTrace) state = { ...state, rv: randomness }
    if (state && !failed && state.th !== '' && randomness < longThreshold(state.th)) {
      failed = true
      state = { ...state, th: '' }
    }
    const threshold = withPriority(priority, this.#thresholdFor(state, failed))
    const kept = randomness >= threshold
    if (!kept || state === undefined) return { kept, policy, traceState, failed }
    return { kept, policy, traceState: formatTraceState(updated(state, threshold)), failed }
  }

  #policy(hasTrace: boolean, state: TraceState | undefined): Policy {
    if (this.#mode === 'hash_seed') return hasTrace ? 'trace_id_hash' : 'missing_randomness'
    if (state?.rv) return 'sampling_randomness'
    return hasTrace && state !== undefined ? 'trace_id_w3c' : 'missing_randomness'
  }

  #randomness(traceId: string, hasTrace: boolean, state: TraceState | undefined): string {
    if (!hasTrace) return ALL_RANDOM
    if (this.#mode === 'hash_seed') return hashRandomness(traceId, this.#config.hash_seed)
    return state?.rv ? state.rv.toLowerCase() : randomnessOf(traceId)
  }

  #thresholdFor(state: TraceState | undefined, failed: boolean): string {
    if (failed) return this.#config.fail_closed ? NEVER : ALWAYS
    if (this.#mode !== 'proportional' || !state?.th) return this.#threshold
    return this.#product(longThreshold(state.th))
  }

  /** Of what came with a threshold, so much again. */
  #product(incoming: string): string {
    const known = this.#products.get(incoming)
    if (known !== undefined) return known
    if (this.#products.size >= PRODUCTS_MAX) this.#products.clear()
    const probability = probabilityOf(incoming) * this.#probability
    const threshold = thresholdOf(probability, this.#config.sampling_precision)
    this.#products.set(incoming, threshold)
    return threshold
  }
}

function never(priority: Priority, traceState: string): Decision {
  const state = parseTraceState(traceState)
  const kept = priority === 'always'
  const decided = { kept, policy: 'sampling_priority', failed: false } as const
  if (!kept || state === undefined) return { ...decided, traceState }
  return { ...decided, traceState: formatTraceState(updated(state, ALWAYS)) }
}

function withPriority(priority: Priority, threshold: string): string {
  if (priority === 'never') return NEVER
  return priority === 'always' ? ALWAYS : threshold
}

/** A threshold is never lowered: what it rejected is gone. */
function updated(state: TraceState, threshold: string): TraceState {
  if (state.th !== '' && longThreshold(state.th) > threshold) return state
  return { ...state, th: shortThreshold(threshold) }
}
