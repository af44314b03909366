import type { Consumer, Processor, Settings } from '../../pipeline/component.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import { OK, type Outcome, retryable } from '../../pipeline/outcome.ts'
import type { StitchConfig } from './config.ts'
import { Gathering } from './gathering.ts'
import { HandingOn } from './handing_on.ts'
import { Pin, type PinOwner } from './held_rows.ts'
import type { Note } from './memory.ts'
import { type MemoryUse, useMemory } from './shared.ts'

/** How soon rows go on that a row of another pipeline has settled. */
const TICK_MS = 100
/** A wait ends when its time has come; so long after, at most, where a reload has shortened it. */
const TICK_MS_MAX = 1000
/** While nothing waits, but exchanges are open whose end may never come. */
const OPEN_TICK_MS = 1000
const FULL_RETRY_MS = 200

/** Milliseconds of a clock that is never set back. */
export type Clock = () => number

/**
 * Adds the group `stitch` to flow rows: span, parent, trace. Exchange rows may be held and leave
 * in another batch than they came in; whoever settles a row's parent, of all processors with the
 * same id, the row leaves by the one that took it.
 */
export class Stitch implements Processor<'flows'>, PinOwner {
  readonly mutates = true
  readonly #settings: Settings
  #config: StitchConfig
  readonly #outbox: Outbox<'flows'>
  readonly #handingOn: HandingOn
  readonly #clock: Clock
  /** Batches with rows to send. */
  #awake: Pin[] = []
  #use: MemoryUse | undefined
  /** Rows taken and not yet given to the outbox. */
  #taken = 0
  /** What is settled now is sent right after. */
  #settles = false
  #timer: NodeJS.Timeout | undefined
  /** When it rings, by performance.now(). */
  #ringsMs = 0

  constructor(
    settings: Settings,
    config: StitchConfig,
    { next, clock = () => performance.now() }: { next: Consumer<'flows'>; clock?: Clock },
  ) {
    this.#settings = settings
    this.#config = config
    this.#clock = clock
    this.#outbox = new Outbox(next, settings.ledger)
    this.#handingOn = new HandingOn(next, settings.ledger)
  }

  start(): void {
    const { id, ledger } = this.#settings
    const note: Note = (name, count) => ledger.note(name, count)
    this.#use = useMemory(id, this.#config, { owner: this, note })
  }

  consume(batch: FlowBatch): Outcome | Promise<Outcome> {
    const memory = this.#use?.memory
    if (memory === undefined) return retryable('stitch does not run', FULL_RETRY_MS)
    if (this.#outbox.held + this.#handingOn.rows >= this.#config.rows_max) {
      return retryable('stitch is full, for what follows it refuses rows', FULL_RETRY_MS)
    }
    const now = this.#clock()
    const pin = new Pin(batch, this, this.#config.part)
    pin.goesWhole = this.#config.acknowledge === 'handed_on'
    this.#settles = true
    pin.doubles = memory.take(pin, now)
    this.#settles = false
    const answer = this.#answerTo(pin)
    this.tick()
    return answer
  }

  #answerTo(pin: Pin): Outcome | Promise<Outcome> {
    const { batch, doubles } = pin
    if (!pin.goesWhole) {
      this.#taken += batch.rows - doubles
      this.#settings.ledger.used('doubled', doubles)
      return OK
    }
    const { answer, settled } = this.#handingOn.begin(batch.rows, doubles)
    pin.settled = settled
    if (doubles === batch.rows) settled(undefined)
    else if (pin.isComplete) this.wake(pin)
    return answer
  }

  /** Looks at the clock, and sends what is ready, also by the rows of other pipelines. */
  tick(): void {
    const now = this.#clock()
    this.#settles = true
    this.#use?.memory.tick(now)
    this.#settles = false
    this.#flush()
    // Without a row that waits the clock matters to the next batch alone: no need to wake for it.
    if (this.#taken + this.#handingOn.rows > 0) {
      const dueMs = this.#awake.length > 0 ? 0 : (this.#use?.memory.dueMs ?? 0)
      this.#wakeIn(Math.min(Math.max(dueMs - now, TICK_MS), TICK_MS_MAX))
    } else if ((this.#use?.memory.openRows ?? 0) > 0) this.#wakeIn(OPEN_TICK_MS)
  }

  /** The memory takes the new windows and limits, and forgets nothing that is within them. */
  reconfigure(config: unknown): () => void {
    return () => {
      this.#config = config as StitchConfig
      this.#use?.reconfigure(this.#config)
    }
  }

  held(): number {
    return this.#taken + this.#outbox.held
  }

  wake(pin: Pin): void {
    this.#awake.push(pin)
    if (!this.#settles) this.#wakeIn(TICK_MS)
  }

  made(rows: number): void {
    this.#settings.ledger.in += rows
    this.#taken += rows
    this.#wakeIn(TICK_MS)
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    const use = this.#use
    this.#use = undefined
    if (use !== undefined) {
      use.release()
      this.#flush(use.memory)
    }
    clearTimeout(this.#timer)
    await Promise.all([this.#outbox.close(deadline), this.#handingOn.close(deadline)])
  }

  /** At the latest. */
  #wakeIn(ms: number): void {
    const atMs = performance.now() + ms
    if (this.#timer !== undefined && this.#ringsMs <= atMs) return
    clearTimeout(this.#timer)
    this.#ringsMs = atMs
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.tick()
    }, ms)
  }

  /**
   * Sends all ready rows. Nothing is sent before all was taken, as what follows may give rows to
   * this memory, which wakes others.
   */
  #flush(memory = this.#use?.memory): void {
    if (this.#awake.length === 0 || memory === undefined) return
    const pins = this.#awake
    this.#awake = []
    const gathering = new Gathering()
    const whole: Pin[] = []
    for (const pin of pins) {
      if (pin.settled !== undefined) {
        whole.push(pin)
        continue
      }
      const { ready, batch } = pin
      this.#taken -= ready.length
      if (memory.takeOut(pin) === undefined) {
        pin.ready = []
        gathering.part(batch, ready)
        memory.compact(pin)
      } else gathering.whole(batch)
    }
    gathering.send((batch) => this.#outbox.send(batch))
    for (const pin of whole) pin.settled?.(wholeOf(pin))
  }
}

/** The batch as it came, but for the rows that had come before. */
function wholeOf({ batch, ready, doubles }: Pin): FlowBatch {
  if (doubles === 0) return batch
  const rest = new FlowBatch(ready.length)
  rest.appendRows(
    batch,
    ready.toSorted((a, b) => a - b),
  )
  return rest
}
