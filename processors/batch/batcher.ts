/**
 * Gathers requests and sends them as one. Each request's answer is the outcome of the batch that it
 * went out in, so its sender waits, hears of a refusal, and still has the data then:
 *
 *     sender A ── request ──┐                          ┌── outcome ──▶ A
 *     sender B ── request ──┼─▶ [ A B C ] ──▶ next ────┼── outcome ──▶ B
 *     sender C ── request ──┘                          └── outcome ──▶ C
 *
 * Requests are not cut in order to fill a batch: a request whose parts had different outcomes could
 * neither be taken nor given back. Only one that is larger than a batch may be is cut; it goes
 * alone.
 *
 * A sender that waits for its answer sends nothing meanwhile, so waiting for it longer is in vain.
 * How many requests a whole timeout brings is therefore remembered (`#company`), and when so many
 * are there the batch goes at once: a sender that is alone does not wait at all. Every tenth
 * timeout the whole of it is waited for again, to learn whether there are more senders now.
 */
import type { Consumer, Signal, SignalData } from '../../pipeline/component.ts'
import { itemsOf } from '../../pipeline/data.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { type Outcome, permanent } from '../../pipeline/outcome.ts'
import { merged, pieces } from './data.ts'
import type { Remainder } from './remainder.ts'

export type Trigger = 'size' | 'timeout'

const LEARN_EVERY = 10

interface Waiting<S extends Signal> {
  readonly data: SignalData[S]
  readonly settle: (outcome: Outcome) => void
}

export interface BatcherSettings<S extends Signal> {
  readonly timeoutMs: number
  readonly sizeMin: number
  /** 0: no limit. */
  readonly sizeMax: number
  readonly next: Consumer<S>
  readonly remainder: Remainder<S>
  /** What a batch of several senders keeps of them. */
  readonly client: OtlpBatch['client']
  readonly sending: (batch: SignalData[S], trigger: Trigger) => void
}

export class Batcher<S extends Signal> {
  readonly #settings: BatcherSettings<S>
  #waiting: Waiting<S>[] = []
  #items = 0
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Immediate | undefined
  readonly #flying = new Set<Promise<unknown>>()
  /** Requests that the last whole timeout brought. */
  #company = Number.POSITIVE_INFINITY
  #learnedMs = Number.NEGATIVE_INFINITY

  constructor(settings: BatcherSettings<S>) {
    this.#settings = settings
  }

  /** Nobody waits for an answer. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#flying.size === 0
  }

  add(data: SignalData[S]): Promise<Outcome> {
    const { sizeMax, sizeMin, timeoutMs } = this.#settings
    const items = itemsOf(data)
    if (sizeMax > 0 && this.#items + items > sizeMax) this.flush('size')
    if (sizeMax > 0 && items > sizeMax) return this.#fly(this.#cut(data))
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#waiting.push({ data, settle: resolve })
    this.#items += items
    if (this.#items >= sizeMin || this.#items === sizeMax) this.flush('size')
    else if (timeoutMs === 0) this.flush('timeout')
    else this.#wait(timeoutMs)
    return promise
  }

  /** Sends what has been gathered. */
  flush(trigger: Trigger): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#soon)
    this.#timer = undefined
    this.#soon = undefined
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    this.#items = 0
    this.#fly(this.#send(waiting, trigger))
  }

  /** Sends everything and waits until all who wait have their answers. */
  async close(): Promise<void> {
    this.flush('timeout')
    await Promise.all(this.#flying)
  }

  #wait(timeoutMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#company = this.#waiting.length
      this.#learnedMs = performance.now()
      this.flush('timeout')
    }, timeoutMs)
    const isLearning = performance.now() - this.#learnedMs > timeoutMs * LEARN_EVERY
    if (isLearning || this.#waiting.length < this.#company) return
    // At the end of this turn: what else has come in at the same time still goes with it.
    this.#soon ??= setImmediate(() => this.flush('timeout'))
  }

  async #send(waiting: readonly Waiting<S>[], trigger: Trigger): Promise<void> {
    const outcome = await this.#offer(merged<S>(waiting.map(({ data }) => data)), {
      trigger,
      alone: waiting.length === 1,
    })
    if (outcome.kind !== 'permanent' || waiting.length === 1) {
      for (const { settle } of waiting) settle(outcome)
      return
    }
    // One of them may have spoilt it for all, and nothing was taken: each is offered by itself.
    for (const { data, settle } of waiting) {
      settle(await this.#offer(data, { trigger, alone: true }))
    }
  }

  #offer(
    data: SignalData[S],
    { trigger, alone }: { trigger: Trigger; alone: boolean },
  ): Outcome | Promise<Outcome> {
    const { client, next, sending } = this.#settings
    const keep = alone || client === undefined || data instanceof FlowBatch
    const batch = keep ? data : { ...data, client }
    sending(batch, trigger)
    return next.consume(batch)
  }

  /** Sends a request that is larger than a batch may be, one piece after another. */
  async #cut(data: SignalData[S]): Promise<Outcome> {
    const found = pieces<S>(data, this.#settings.sizeMax)
    if (typeof found === 'string') return permanent(found)
    const [first, ...others] = found as [SignalData[S], ...SignalData[S][]]
    const outcome = await this.#offer(first, { trigger: 'size', alone: true })
    // Up to here nothing was taken; from here on it can only be brought to an end.
    if (outcome.kind !== 'ok') return outcome
    const send = (piece: SignalData[S]) => this.#offer(piece, { trigger: 'size', alone: true })
    return await this.#settings.remainder.finish(others, send)
  }

  #fly<T>(flight: Promise<T>): Promise<T> {
    this.#flying.add(flight)
    void flight.finally(() => this.#flying.delete(flight))
    return flight
  }
}
