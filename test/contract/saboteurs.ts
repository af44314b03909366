/**
 * Components that break their word, each in one way, and one that keeps it. The suite must find
 * every one of them, or it would find nothing.
 */
import { closeSync, openSync } from 'node:fs'
import { z } from 'zod'
import {
  type Consumer,
  exporter,
  type Factory,
  type Processor,
  processor,
  type Settings,
  type SignalData,
} from '../../pipeline/component.ts'
import { itemsOf } from '../../pipeline/data.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import { OK, type Outcome, retryable } from '../../pipeline/outcome.ts'

type Batch = SignalData['traces']

/** Takes everything at once, and hands it on when `next` is ready for it. */
class Forwarder implements Processor<'traces'> {
  readonly mutates: boolean = false
  protected readonly settings: Settings
  protected readonly next: Consumer<'traces'>
  protected readonly outbox: Outbox<'traces'>
  protected running = false

  constructor(settings: Settings, next: Consumer<'traces'>) {
    this.settings = settings
    this.next = next
    this.outbox = new Outbox(next, settings.ledger)
    leftovers.push(() => void this.outbox.close(AbortSignal.abort()))
  }

  start(): void {
    this.running = true
  }

  consume(batch: Batch): Outcome | Promise<Outcome> {
    if (!this.running) return retryable('the forwarder does not run')
    this.outbox.send(batch)
    return OK
  }

  held(): number {
    return this.outbox.held
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    this.running = false
    await this.outbox.close(deadline)
  }
}

let instances = 0
/** What they leave behind is theirs alone: the tests that find it end all the same. */
const leftovers: (() => void)[] = []

export function cleanUp(): void {
  for (const undo of leftovers.splice(0)) undo()
}

const FLAWS: Readonly<Record<string, typeof Forwarder>> = {
  'throws when it is shut down without a start': class extends Forwarder {
    override async shutdown(deadline?: AbortSignal): Promise<void> {
      if (!this.running && this.outbox.held === 0) throw new Error('not started')
      await super.shutdown(deadline)
    }
  },
  'throws when it is shut down twice': class extends Forwarder {
    #ended = false
    override async shutdown(deadline?: AbortSignal): Promise<void> {
      if (this.#ended && this.running === false) throw new Error('twice')
      this.#ended = this.running
      await super.shutdown(deadline)
    }
  },
  'leaves a timer that keeps the process alive': class extends Forwarder {
    override start(): void {
      super.start()
      const timer = setTimeout(() => {}, 60_000)
      leftovers.push(() => clearTimeout(timer))
    }
  },
  'leaves a timer that keeps nothing alive': class extends Forwarder {
    override start(): void {
      super.start()
      const timer = setInterval(() => {}, 60_000).unref()
      leftovers.push(() => clearInterval(timer))
    }
  },
  'leaves a file open': class extends Forwarder {
    override start(): void {
      super.start()
      const fd = openSync('/dev/null', 'r')
      leftovers.push(() => closeSync(fd))
    }
  },
  'leaves a timer of a start that failed': class extends Forwarder {
    override start(): void {
      const timer = setTimeout(() => {}, 60_000)
      leftovers.push(() => clearTimeout(timer))
      throw new Error('cannot start')
    }
  },
  'never ends': class extends Forwarder {
    override async shutdown(): Promise<void> {
      await new Promise(() => {})
    }
  },
  'says that it holds what it has handed on': class extends Forwarder {
    #taken = 0
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      this.#taken += batch.items
      return super.consume(batch)
    }
    override held(): number {
      return this.#taken
    }
  },
  'holds nothing of what it holds': class extends Forwarder {
    override held(): number {
      return 0
    }
    override async shutdown(): Promise<void> {}
  },
  'cannot say what it holds before it runs': class extends Forwarder {
    override held(): number {
      if (!this.running && this.outbox.held === 0) throw new Error('not running')
      return super.held()
    }
  },
  'forgets what it holds when it is shut down': class extends Forwarder {
    #batches: Batch[] = []
    override consume(batch: Batch): Outcome {
      this.#batches.push(batch)
      return OK
    }
    override held(): number {
      return this.#batches.reduce((sum, batch) => sum + batch.items, 0)
    }
    override async shutdown(): Promise<void> {
      this.#batches = []
    }
  },
  'takes what `next` refuses, and drops it': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      this.next.consume(batch)
      return OK
    }
  },
  'drops what `next` refuses for now, and counts it': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      const { items } = batch
      const outcome = this.next.consume(batch) as Outcome
      if (outcome.kind !== 'ok') this.settings.ledger.lost('refused', items)
      return OK
    }
  },
  'sends again what it has said that it did not take': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      const outcome = this.next.consume(batch) as Outcome
      if (outcome.kind === 'retryable') this.outbox.send(batch)
      return outcome
    }
  },
  'waits for `next` though its time is over': class extends Forwarder {
    override async shutdown(): Promise<void> {
      await this.outbox.close()
    }
  },
  'changes data that it says it only reads': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      if (batch.bytes.length > 40) batch.bytes[40] = 0x21
      return super.consume(batch)
    }
  },
  'throws after its end': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      if (!this.running) throw new Error('not running')
      return super.consume(batch)
    }
  },
  'takes after its end what it never hands on': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      return this.running ? super.consume(batch) : OK
    }
  },
  'can take one batch at a time only': class extends Forwarder {
    #busy = false
    override async consume(batch: Batch): Promise<Outcome> {
      if (this.#busy) throw new Error('busy')
      this.#busy = true
      const outcome = await this.next.consume(batch)
      this.#busy = false
      return outcome
    }
  },
  'divides by the number of items': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      if (batch.items === 0) throw new RangeError('no item')
      return super.consume(batch)
    }
  },
  'cannot take a batch as large as it may be': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      if (batch.bytes.length > 100_000) throw new RangeError('offset out of bounds')
      return super.consume(batch)
    }
  },
  'throws on bytes that are no OTLP': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      if (batch.bytes[0] === 0xff) throw new Error('malformed')
      return super.consume(batch)
    }
  },
  'answers with what is no outcome': class extends Forwarder {
    override consume(batch: Batch): Outcome | Promise<Outcome> {
      super.consume(batch)
      return undefined as unknown as Outcome
    }
  },
  'refuses without a reason': class extends Forwarder {
    refusal() {
      return retryable('')
    }
  },
  'can stand there only once': class extends Forwarder {
    override start(): void {
      if (instances > 0) throw new Error('one is running')
      instances++
      super.start()
    }
    override async shutdown(deadline?: AbortSignal): Promise<void> {
      if (this.running) instances--
      await super.shutdown(deadline)
    }
  },
  'breaks when it is asked about a new config': class extends Forwarder {
    reconfigure(): () => void {
      return () => {
        this.running = false
        throw new Error('cannot change')
      }
    }
  },
}

/** The first words of the check that must fail. */
export const SABOTEURS: readonly (readonly [flaw: string, caughtBy: string])[] = [
  ['throws when it is shut down without a start', 'shutdown is safe without start'],
  ['throws when it is shut down twice', 'shutdown is safe twice'],
  ['leaves a timer that keeps the process alive', 'after shutdown no timer'],
  ['leaves a timer that keeps nothing alive', 'after shutdown no timer'],
  ['leaves a file open', 'after shutdown no timer'],
  ['leaves a timer of a start that failed', 'shutdown is safe after a start'],
  ['never ends', 'shutdown is safe without start'],
  ['says that it holds what it has handed on', 'the books balance'],
  ['holds nothing of what it holds', 'past the deadline'],
  ['cannot say what it holds before it runs', '`held` can be asked'],
  ['forgets what it holds when it is shut down', 'shutdown hands on'],
  ['takes what `next` refuses, and drops it', 'what `next` refuses for good'],
  ['drops what `next` refuses for now, and counts it', 'what `next` refuses for now'],
  ['sends again what it has said that it did not take', 'it keeps nothing of data'],
  ['waits for `next` though its time is over', 'past the deadline'],
  ['changes data that it says it only reads', 'data that it says it does not change'],
  ['throws after its end', 'after shutdown it answers'],
  ['takes after its end what it never hands on', 'after shutdown it answers'],
  ['can take one batch at a time only', 'batches that are given at once'],
  ['divides by the number of items', 'a batch without items'],
  ['cannot take a batch as large as it may be', 'data that is valid and hostile'],
  ['throws on bytes that are no OTLP', 'bytes that are no OTLP'],
  ['answers with what is no outcome', 'the books balance'],
  ['refuses without a reason', '`refusal` tells'],
  ['can stand there only once', 'two instances'],
  ['breaks when it is asked about a new config', 'a new config is declined'],
]

function forwarder(make: typeof Forwarder): Factory {
  return processor({
    type: 'saboteur',
    stability: 'development',
    schema: z.strictObject({
      nested: z.strictObject({ size: z.int().default(1) }).default({ size: 1 }),
    }),
    create: { traces: (settings, _, next) => new make(settings, next) },
  })
}

/** Keeps its word. */
export const HONEST = forwarder(Forwarder)

export function saboteur(flaw: string): Factory {
  const make = FLAWS[flaw]
  if (make === undefined) throw new Error(`No component ${flaw}`)
  return forwarder(make)
}

/** The ones whose flaw is not in their code but in their schema, or in what they do with data. */
export const MORE_SABOTEURS: readonly (readonly [what: string, factory: Factory, by: string])[] = [
  [
    'a schema that takes any key',
    exporter({
      type: 'saboteur',
      stability: 'development',
      schema: z.object({}),
      create: { traces: forgetting },
    }),
    'an option that does not exist',
  ],
  [
    'a schema that takes any key further down',
    exporter({
      type: 'saboteur',
      stability: 'development',
      schema: z.strictObject({
        queue: z.object({ size: z.int().default(1) }).default({ size: 1 }),
      }),
      create: { traces: forgetting },
    }),
    'an option that does not exist',
  ],
  [
    'a schema with an option that has no default',
    exporter({
      type: 'saboteur',
      stability: 'development',
      schema: z.strictObject({ path: z.string() }),
      create: { traces: forgetting },
    }),
    'an empty section',
  ],
  [
    'an exporter that says ok and forgets',
    exporter({
      type: 'saboteur',
      stability: 'development',
      schema: z.strictObject({}),
      create: { traces: forgetting },
    }),
    'the books balance',
  ],
  [
    'an exporter that counts what it refuses',
    exporter({
      type: 'saboteur',
      stability: 'development',
      schema: z.strictObject({}),
      create: {
        traces: ({ ledger }) => ({
          mutates: false,
          consume(batch) {
            ledger.used('sent', itemsOf(batch))
            return retryable('later')
          },
        }),
      },
    }),
    'the books balance',
  ],
]

function forgetting(): { mutates: false; consume: () => Outcome } {
  return { mutates: false, consume: () => OK }
}
