/**
 * Divides each batch among the backends of the moment, and follows every part to its end.
 *
 *     consume ─▶ divide by key ─▶ backend's queue ─▶ sent
 *                   ▲                   │
 *                   └── backend gone ───┘
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Settings } from '../../pipeline/component.ts'
import { bookFailure, bookSent } from '../../pipeline/exporter/books.ts'
import { NOT_SENT } from '../../pipeline/exporter/request.ts'
import { QUEUE_FULL } from '../../pipeline/exporter/room.ts'
import type { OtlpExporter } from '../../pipeline/exporter/sending_exporter.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import {
  OK,
  type Outcome,
  type Permanent,
  permanent,
  type Retryable,
  retryable,
} from '../../pipeline/outcome.ts'
import { type Backend, Backends, type Carried } from './backends.ts'
import type { LoadBalancingConfig } from './config.ts'
import { divide, type Part } from './division.ts'
import { divisionBy, type RoutingKey } from './keys.ts'
import type { Resolver, ResolverSettings } from './resolvers/resolver.ts'
import { Telemetry } from './telemetry.ts'

/** How often a part looks for room in a backend's queue, or a batch for backends. */
const LOOK_MS = 100
const NO_BACKENDS = retryable('no backends were found yet')

export interface LoadBalancerParts extends Carried {
  readonly key: RoutingKey
  readonly resolver: (settings: ResolverSettings) => Resolver
}

/** Told of the end of each part of a batch. */
interface Ends {
  sent(items: number): void
  failed(items: number, outcome: Retryable | Permanent): void
}

export class LoadBalancer implements OtlpExporter {
  readonly mutates = false
  readonly #settings: Settings
  readonly #of: LoadBalancerParts
  readonly #backends: Backends
  readonly #resolver: Resolver
  readonly #telemetry: Telemetry
  /** Whether a batch is taken over at once, or its caller hears of its end. */
  readonly #queues: boolean
  readonly #underWay = new Set<Promise<void>>()
  /** Of what was taken over. */
  readonly #books: Ends = {
    sent: (items) => {
      this.#held -= items
      bookSent(this.#settings.ledger, items)
    },
    failed: (items, outcome) => {
      this.#held -= items
      bookFailure(this.#settings.ledger, { items, outcome, stopping: this.#isStopping })
    },
  }
  #updating: Promise<void> = Promise.resolve()
  #held = 0
  #isStopping = false

  constructor(settings: Settings, config: LoadBalancingConfig, of: LoadBalancerParts) {
    this.#settings = settings
    this.#of = of
    this.#queues = config.protocol.otlp.sending_queue.enabled
    this.#backends = new Backends(settings, config, { signal: of.signal, carries: of.carries })
    this.#resolver = of.resolver({
      logger: settings.logger,
      resolved: (endpoints) => this.#resolved(endpoints),
      failed: () => this.#telemetry.resolved(false),
    })
    this.#telemetry = new Telemetry(settings.meter, {
      resolver: this.#resolver.name,
      backends: () => this.#backends.set?.all.length ?? 0,
    })
  }

  async start(host: Host): Promise<void> {
    this.#backends.start(host)
    await this.#resolver.start()
    await this.#updating
  }

  consume(batch: OtlpBatch): Outcome | Promise<Outcome> {
    const parts = this.#divide(batch)
    if ('kind' in parts) return parts
    const full = parts.find(({ backend }) => backend.exporter.refusal?.() !== undefined)
    if (full !== undefined) {
      this.#settings.ledger.note('refused_queue_full', batch.items)
      const reason = `the queue of ${full.backend.endpoint} is full`
      return retryable(reason)
    }
    if (!this.#queues) return this.#deliverAnd(parts, { bookSent: true })
    this.#held += batch.items
    const done: Promise<void> = this.#deliverAll(parts, this.#books).finally(() =>
      this.#underWay.delete(done),
    )
    this.#underWay.add(done)
    return OK
  }

  /**
   * Tries to deliver a batch of a queue in front, and tells what came of it. As long as there are
   * no backends it waits: nobody else would try again.
   */
  async send(batch: OtlpBatch): Promise<Outcome> {
    while (this.#backends.set === undefined && !this.#isStopping) await sleep(LOOK_MS)
    const parts = this.#divide(batch)
    if ('kind' in parts) return parts
    // What the queue in front books for a batch that was sent is the batch.
    return this.#deliverAnd(parts, { bookSent: false })
  }

  refusal(): Retryable | undefined {
    if (this.#isStopping) return NOT_SENT
    const all = this.#backends.set?.all ?? []
    if (all.length === 0) return NO_BACKENDS
    const refusals = all.map(({ exporter }) => exporter.refusal?.())
    return refusals.includes(undefined) ? undefined : refusals[0]
  }

  held(): number {
    return this.#held
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    this.#isStopping = true
    await this.#resolver.stop()
    await this.#updating
    await this.#backends.close(deadline)
    await Promise.all(this.#underWay)
    this.#telemetry.end()
  }

  #resolved(endpoints: readonly string[]): void {
    this.#telemetry.resolved(true)
    // One after the other: a set is made of the one before.
    this.#updating = this.#updating.then(async () => {
      if (this.#isStopping || !(await this.#backends.update(endpoints))) return
      this.#telemetry.updated()
      const backends = this.#backends.set?.all.map(({ endpoint }) => endpoint)
      this.#settings.logger.info({ backends }, 'The backends have changed')
    })
  }

  #divide(batch: OtlpBatch): readonly RoutedPart[] | Retryable | Permanent {
    const { set } = this.#backends
    if (this.#isStopping) return NOT_SENT
    if (set === undefined) return NO_BACKENDS
    const { key, signal } = this.#of
    const { all, owners } = set
    const parts = divide(batch, divisionBy(key, { signal, owners }))
    if ('kind' in parts) return permanent(`malformed request: ${parts.reason}`)
    return parts.map((part) => ({ ...part, backend: all[part.owner] as Backend }))
  }

  async #deliverAll(parts: readonly RoutedPart[], ends: Ends): Promise<void> {
    await Promise.all(parts.map((part) => this.#deliver(part, ends)))
  }

  async #deliver({ backend, batch }: RoutedPart, ends: Ends): Promise<void> {
    const { items } = batch
    const started = performance.now()
    const outcome = await backend.exporter.consume(batch)
    this.#telemetry.answered(backend.endpoint, {
      success: outcome.kind === 'ok',
      latencyMs: performance.now() - started,
    })
    if (outcome.kind === 'ok') ends.sent(items)
    else if (outcome === QUEUE_FULL && !this.#isStopping) {
      await sleep(LOOK_MS)
      await this.#deliverAgain(batch, ends)
    } else if (outcome.kind === 'retryable' && backend.isGone && !this.#isStopping) {
      this.#settings.ledger.note('rerouted', items)
      await this.#deliverAgain(batch, ends)
    } else ends.failed(items, outcome)
  }

  /** By the backends of now. Parts that are given back may find the others' queues full. */
  async #deliverAgain(batch: OtlpBatch, ends: Ends): Promise<void> {
    const parts = this.#divide(batch)
    if ('kind' in parts) ends.failed(batch.items, parts)
    else await this.#deliverAll(parts, ends)
  }

  /** The caller keeps all of a batch of which a part was not sent; what was may go twice. */
  async #deliverAnd(
    parts: readonly RoutedPart[],
    { bookSent: books }: { bookSent: boolean },
  ): Promise<Outcome> {
    const { ledger } = this.#settings
    let [sent, unsent] = [0, 0]
    let worst: Retryable | Permanent | undefined
    await this.#deliverAll(parts, {
      sent: (items) => {
        sent += items
      },
      failed: (items, outcome) => {
        unsent += items
        if (worst?.kind !== 'retryable') worst = outcome
      },
    })
    if (worst !== undefined) {
      ledger.in += sent
      ledger.note('send_failed', unsent)
    }
    if (books || worst !== undefined) bookSent(ledger, sent)
    return worst ?? OK
  }
}

interface RoutedPart extends Part {
  readonly backend: Backend
}
