/** How often what has decided how, for the Collector's metric. Reused for each request. */
import type { Counter } from '@opentelemetry/api'
import type { Settings } from '../../pipeline/component.ts'
import { type Decision, POLICIES } from './sampler.ts'

const ATTRIBUTES = POLICIES.flatMap((policy) =>
  ['false', 'true'].map((sampled) => ({ policy, sampled })),
)

export class Decisions {
  readonly #counter: Counter
  readonly #counts = new Uint32Array(ATTRIBUTES.length)

  constructor({ meter }: Settings) {
    this.#counter = meter.createCounter(
      'otelcol_processor_probabilistic_sampler_count_traces_sampled',
      { unit: '1', description: 'Count of traces that were sampled or not' },
    )
  }

  /** Of the request that is looked at. */
  add({ policy, kept }: Decision): void {
    const at = 2 * POLICIES.indexOf(policy) + (kept ? 1 : 0)
    this.#counts[at] = (this.#counts[at] as number) + 1
  }

  /** What has been added since, to be counted once the request was taken. */
  take(): () => void {
    const counts = [...this.#counts]
    this.#counts.fill(0)
    return () => {
      for (const [at, count] of counts.entries()) {
        if (count > 0) this.#counter.add(count, ATTRIBUTES[at])
      }
    }
  }
}
