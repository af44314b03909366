/** Refuses data while memory is short, before it is read where the receiver asks, else here. */
import type { Attributes, Counter } from '@opentelemetry/api'
import type {
  Consumer,
  Host,
  Processor,
  Settings,
  Signal,
  SignalData,
} from '../../pipeline/component.ts'
import { ITEM_NAMES, itemsOf } from '../../pipeline/data.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { type Outcome, type Retryable, retryable } from '../../pipeline/outcome.ts'
import { ITEM_UNITS } from '../../pipeline/telemetry/conventions.ts'
import type { MemoryLimiterConfig } from './config.ts'
import { Limiter } from './limiter.ts'
import { processMemory } from './memory.ts'
import { totalMemory } from './total_memory.ts'

const REFUSAL = retryable('data refused due to high memory usage')
/** Of a row with all groups of columns, without its texts. */
const ROW_BYTES = 512

/** The processors of one section, in however many pipelines, measure together. */
const limiters = new WeakMap<MemoryLimiterConfig, Limiter>()

export function limiterOf(settings: Settings, config: MemoryLimiterConfig): Limiter {
  const known = limiters.get(config)
  if (known !== undefined) return known
  const { logger } = settings
  const limiter = new Limiter({ config, logger, memory: processMemory(), total: totalMemory })
  limiters.set(config, limiter)
  return limiter
}

export class MemoryLimiter<S extends Signal> implements Processor<S> {
  readonly mutates = false
  readonly #next: Consumer<S>
  readonly #limiter: Limiter
  readonly #accepted: Counter
  readonly #refused: Counter
  readonly #attributes: Attributes
  #host: Host | undefined

  constructor(settings: Settings, of: { signal: S; limiter: Limiter; next: Consumer<S> }) {
    const { meter, id } = settings
    const items = ITEM_NAMES[of.signal]
    const name = (what: string) => `otelcol_processor_memory_limiter_${what}_${items}`
    const about = (what: string) => ({
      unit: ITEM_UNITS[of.signal],
      description: `Number of ${items.replace('_', ' ')} ${what}.`,
    })
    this.#next = of.next
    this.#limiter = of.limiter
    this.#accepted = meter.createCounter(
      name('accepted'),
      about('successfully pushed into the next component in the pipeline'),
    )
    this.#refused = meter.createCounter(
      name('refused'),
      about('that were rejected by the next component in the pipeline'),
    )
    this.#attributes = { processor: id }
  }

  start(host: Host): void {
    this.#host = host
    this.#limiter.join(this.#onChange)
  }

  async shutdown(): Promise<void> {
    this.#limiter.leave(this.#onChange)
    this.#host = undefined
  }

  refusal(): Retryable | undefined {
    return this.#limiter.refusing ? REFUSAL : undefined
  }

  consume(data: SignalData[S]): Outcome | Promise<Outcome> {
    const items = itemsOf(data)
    if (this.#limiter.refusing) {
      this.#refused.add(items, this.#attributes)
      return REFUSAL
    }
    this.#accepted.add(items, this.#attributes)
    this.#limiter.took(data instanceof FlowBatch ? data.rows * ROW_BYTES : data.bytes.length)
    return this.#next.consume(data)
  }

  readonly #onChange = (refusing: boolean): void => {
    const report = refusing
      ? ({ status: 'recoverable_error', reason: REFUSAL.reason } as const)
      : ({ status: 'ok' } as const)
    this.#host?.report(report)
  }
}
