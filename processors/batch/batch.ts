/** Makes larger requests of small ones; with `metadata_keys` apart for each combination. */
import type { Consumer, Processor, Settings, Signal, SignalData } from '../../pipeline/component.ts'
import { itemsOf } from '../../pipeline/data.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { OK, type Outcome, permanent } from '../../pipeline/outcome.ts'
import { Batcher } from './batcher.ts'
import type { BatchConfig } from './config.ts'
import { bytesOf } from './data.ts'
import { Remainder } from './remainder.ts'
import { BatchTelemetry } from './telemetry.ts'

const TOO_MANY = permanent('too many batcher metadata-value combinations')

export class Batch<S extends Signal> implements Processor<S> {
  readonly mutates = false
  readonly #config: BatchConfig
  readonly #next: Consumer<S>
  readonly #keys: readonly string[]
  readonly #batchers = new Map<string, Batcher<S>>()
  readonly #remainder: Remainder<S>
  readonly #telemetry: BatchTelemetry
  #closing = false

  constructor(settings: Settings, config: BatchConfig, { next }: { next: Consumer<S> }) {
    this.#config = config
    this.#next = next
    this.#keys = config.metadata_keys.map((key) => key.toLowerCase())
    this.#remainder = new Remainder(settings.ledger)
    this.#telemetry = new BatchTelemetry(settings.meter, {
      id: settings.id,
      cardinality: () => this.#batchers.size,
    })
  }

  /** The answer is the outcome of the batch that the data went out in. */
  consume(data: SignalData[S]): Outcome | Promise<Outcome> {
    if (itemsOf(data) === 0) return OK
    if (this.#closing) return this.#next.consume(data)
    return this.#batcherOf(data)?.add(data) ?? TOO_MANY
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    this.#closing = true
    this.#remainder.close(deadline)
    await Promise.all([...this.#batchers.values()].map((batcher) => batcher.close()))
    this.#batchers.clear()
    this.#remainder.closed()
    this.#telemetry.close()
  }

  #batcherOf(data: SignalData[S]): Batcher<S> | undefined {
    const metadata = this.#metadataOf(data)
    const key = JSON.stringify(metadata)
    const known = this.#batchers.get(key)
    if (known !== undefined) return known
    const limit = this.#config.metadata_cardinality_limit
    if (limit > 0 && this.#batchers.size >= limit && !this.#forgetIdle()) return undefined
    const made = new Batcher<S>({
      timeoutMs: this.#config.timeout,
      sizeMin: this.#config.send_batch_size,
      sizeMax: this.#config.send_batch_max_size,
      next: this.#next,
      remainder: this.#remainder,
      client: this.#keys.length > 0 ? { metadata } : undefined,
      sending: (batch, trigger) =>
        this.#telemetry.sent(trigger, { items: itemsOf(batch), bytes: bytesOf(batch) }),
    })
    this.#batchers.set(key, made)
    return made
  }

  /** Of the sender's metadata what batches are kept apart by; what is not there is left out. */
  #metadataOf(data: SignalData[S]): NonNullable<NonNullable<OtlpBatch['client']>['metadata']> {
    const given = data instanceof FlowBatch ? undefined : data.client?.metadata
    const kept: Record<string, readonly string[]> = {}
    for (const key of this.#keys) {
      const values = given?.[key]
      if (values !== undefined) kept[key] = values
    }
    return kept
  }

  /** Combinations that nobody uses at the moment make room for others. */
  #forgetIdle(): boolean {
    for (const [key, batcher] of this.#batchers) if (batcher.idle) this.#batchers.delete(key)
    return this.#batchers.size < this.#config.metadata_cardinality_limit
  }
}
