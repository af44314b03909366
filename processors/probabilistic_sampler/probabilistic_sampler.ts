/** Passes on the spans, or rows, of a share of all traces. */
import type { Consumer, Processor, Settings, SignalData } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { OK, type Outcome, permanent } from '../../pipeline/outcome.ts'
import type { SamplerConfig } from './config.ts'
import { Decisions } from './decisions.ts'
import { sampleRequest } from './sampled_request.ts'
import { sampleRows } from './sampled_rows.ts'
import { Sampler } from './sampler.ts'

const SAMPLED_OUT = 'sampled_out'

abstract class Sampling<S extends 'flows' | 'traces'> implements Processor<S> {
  readonly mutates = false
  protected readonly settings: Settings
  protected readonly next: Consumer<S>
  protected sampler: Sampler

  constructor(settings: Settings, config: SamplerConfig, next: Consumer<S>) {
    this.settings = settings
    this.next = next
    this.sampler = new Sampler(config)
  }

  abstract consume(data: SignalData[S]): Outcome | Promise<Outcome>

  reconfigure(config: unknown): () => void {
    const sampler = new Sampler(config as SamplerConfig)
    return () => {
      this.sampler = sampler
    }
  }

  /** What is refused is offered again: only what was taken counts. */
  protected afterwards(outcome: Outcome | Promise<Outcome>, count: () => void) {
    if (outcome instanceof Promise) {
      return outcome.then((settled) => {
        if (settled.kind === 'ok') count()
        return settled
      })
    }
    if (outcome.kind === 'ok') count()
    return outcome
  }
}

export class TraceSampler extends Sampling<'traces'> {
  readonly #decisions: Decisions

  constructor(settings: Settings, config: SamplerConfig, next: Consumer<'traces'>) {
    super(settings, config, next)
    this.#decisions = new Decisions(settings)
  }

  consume(batch: OtlpBatch): Outcome | Promise<Outcome> {
    const sampled = sampleRequest(batch, this.sampler, this.#decisions)
    const decided = this.#decisions.take()
    if (sampled === undefined) return permanent('The bytes are not a request of spans')
    const { bytes = batch.bytes, kept, dropped, failed } = sampled
    const { ledger } = this.settings
    const outcome = kept === 0 ? OK : this.next.consume({ ...batch, bytes, items: kept })
    return this.afterwards(outcome, () => {
      decided()
      ledger.used(SAMPLED_OUT, dropped)
      if (failed > 0) ledger.note('no_randomness', failed)
    })
  }
}

export class FlowSampler extends Sampling<'flows'> {
  consume(batch: FlowBatch): Outcome | Promise<Outcome> {
    const kept = sampleRows(batch, this.sampler)
    const dropped = batch.rows - (kept?.rows ?? 0)
    const outcome = kept === undefined ? OK : this.next.consume(kept)
    return this.afterwards(outcome, () => this.settings.ledger.used(SAMPLED_OUT, dropped))
  }
}
