/**
 * One component between the ends of a pipeline that the service's own code has built: data comes in
 * through the edge that a component before it would use, and goes to one that answers as told.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { z } from 'zod'
import {
  type Component,
  type Consumer,
  type ExtensionFactory,
  exporter,
  type Factory,
  type Host,
  type Kind,
  type Privileged,
  receiver,
  type Settings,
  type Signal,
} from '../../pipeline/component.ts'
import type { Config } from '../../pipeline/config/config.ts'
import { Factories } from '../../pipeline/config/factories.ts'
import { loadConfig } from '../../pipeline/config/load.ts'
import { itemsOf } from '../../pipeline/data.ts'
import { Accounts } from '../../pipeline/graph/accounts.ts'
import { buildGraph } from '../../pipeline/graph/build.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'
import { type Book, booksOf, sum } from '../../pipeline/telemetry/books.ts'
import { silent } from '../pipeline/probes.ts'
import { settingsOf } from '../pipeline/surroundings.ts'
import type { Data } from './data.ts'
import type { Subject } from './subjects.ts'

const POLL_MS = 10
const DEADLINE_MS = 200
/** What a busy machine may take to notice that the time is over. */
const SLACK_MS = 3000

export type Answer = (data: Data) => Outcome | Promise<Outcome>

/** What the component is built with. */
export interface RigOptions {
  readonly subject: Subject
  readonly config: unknown
  readonly privileged?: Privileged | undefined
  /** A step that takes longer hangs. */
  readonly patienceMs: number
}

export class Rig {
  readonly component: Component
  /** Items that stood in batches which the component has taken. */
  given = 0
  /** Items that the component's `next` has taken. */
  passed = 0
  /** How `next` answers. */
  answer: Answer = () => OK
  readonly #isThis: (of: { kind: Kind; id: string }) => boolean
  readonly #accounts: Accounts
  readonly #patienceMs: number
  readonly #entry: Consumer | undefined

  static async build({ subject, config, privileged, patienceMs }: RigOptions): Promise<Rig> {
    const { factory } = subject
    const inherited = privileged && { fds: privileged.fds, info: privileged.info }
    if (factory.kind === 'extension') {
      const decoded = configOf(subject, config).components.extension.get(factory.type)?.config
      const settings = settingsOf({ id: factory.type, ...(inherited && { inherited }) })
      const component = await (factory as ExtensionFactory).create(settings, decoded)
      return new Rig({ component, subject, accounts: new Accounts(), patienceMs })
    }
    const accounts = new Accounts()
    let entry: Consumer | undefined
    let rig: Rig | undefined
    const graph = await buildGraph(
      configOf(subject, config, {
        entry: (next) => {
          entry = next
        },
        exit: (data) => (rig as Rig).#take(data),
      }),
      {
        logger: silent,
        version: '0',
        accounts,
        inherited: (kind, id) =>
          kind === factory.kind && id === factory.type ? inherited : undefined,
      },
    )
    const node = graph.nodes.find(({ kind, id }) => kind === factory.kind && id === factory.type)
    assert.ok(node, `${subject.name} was not created`)
    rig = new Rig({ component: node.component, subject, accounts, entry, patienceMs })
    return rig
  }

  private constructor(of: {
    component: Component
    subject: Subject
    accounts: Accounts
    entry?: Consumer | undefined
    patienceMs: number
  }) {
    const { kind, factory } = of.subject
    this.component = of.component
    this.#isThis = (place) => place.kind === kind && place.id === factory.type
    this.#accounts = of.accounts
    this.#patienceMs = of.patienceMs
    this.#entry = of.entry
  }

  async start(host: Host): Promise<void> {
    await this.#within('start', async () => await this.component.start?.(host))
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    await this.#within('shutdown', async () => await this.component.shutdown?.(deadline))
  }

  /** Fails when the component does not end soon after its deadline. */
  async shutdownInTime(): Promise<void> {
    const started = performance.now()
    await this.shutdown(AbortSignal.timeout(DEADLINE_MS))
    const tookMs = Math.round(performance.now() - started)
    assert.ok(tookMs < DEADLINE_MS + SLACK_MS, `shutdown took ${tookMs} ms`)
  }

  /** Offers a batch. Fails when the component throws, or answers with what is no outcome. */
  async give(data: Data): Promise<Outcome> {
    const items = itemsOf(data)
    const outcome = await this.#within('consume', async () => await this.#consume(data))
    assert.ok(['ok', 'retryable', 'permanent'].includes(outcome.kind), `no outcome: ${outcome}`)
    if (outcome.kind === 'ok') this.given += items
    else assert.match(outcome.reason, /\S/, 'a refusal without a reason')
    return outcome
  }

  held(): number {
    const held = this.component.held?.() ?? 0
    assert.ok(Number.isInteger(held) && held >= 0, `held() is ${held}`)
    return held
  }

  book(): Book {
    const book = booksOf(this.#accounts.all()).find(this.#isThis)
    assert.ok(book, 'an extension keeps no book')
    return book
  }

  /** What the book says agrees with what was seen at both ends, and with itself. */
  assertBalanced(): void {
    const book = this.book()
    const entries = JSON.stringify(book)
    assert.equal(book.unaccounted, 0, `in = out + used + lost + held does not hold: ${entries}`)
    if (book.kind === 'receiver') assert.equal(book.out, this.passed, entries)
    else assert.equal(book.in, this.given, `what was taken is not what was given: ${entries}`)
    if (book.kind === 'processor') assert.equal(book.out, this.passed, entries)
    for (const count of [book.in, book.out, book.held, sum(book.lost), sum(book.used)]) {
      assert.ok(Number.isInteger(count) && count >= 0, entries)
    }
  }

  /** Fails when a step does not come to its end. */
  async #within<T>(step: string, work: () => Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error(`${step} does not end`)), this.#patienceMs)
    try {
      return await Promise.race([work(), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits until nothing is on its way inside the component. */
  async rest(): Promise<void> {
    const deadline = performance.now() + this.#patienceMs
    while (this.book().unaccounted !== 0 && performance.now() < deadline) await sleep(POLL_MS)
    this.assertBalanced()
  }

  async #consume(data: Data): Promise<Outcome> {
    assert.ok(this.#entry, 'nothing can be given to this component')
    return await this.#entry.consume(data)
  }

  #take(data: Data): Outcome | Promise<Outcome> {
    // Counted before: afterwards the data is the taker's.
    const items = itemsOf(data)
    const outcome = this.answer(data)
    if (!(outcome instanceof Promise)) return this.#taken(outcome, items)
    return outcome.then((later) => this.#taken(later, items))
  }

  #taken(outcome: Outcome, items: number): Outcome {
    if (outcome.kind === 'ok') this.passed += items
    return outcome
  }
}

interface Ends {
  readonly entry?: (next: Consumer) => void
  readonly exit?: (data: Data) => Outcome | Promise<Outcome>
}

/** The configuration with the component, as a user would write it, between `giver` and `taker`. */
export function configOf(subject: Subject, config: unknown, ends: Ends = {}): Config {
  const { kind, factory, takes, gives } = subject
  const { type } = factory
  const receivers = kind === 'receiver' ? [type] : ['giver']
  const exporters = kind === 'exporter' ? [type] : ['taker']
  const pipelines =
    kind === 'connector'
      ? {
          [`${takes}/before`]: { receivers: ['giver'], exporters: [type] },
          [`${gives}/after`]: { receivers: [type], exporters: ['taker'] },
        }
      : {
          [`${takes ?? gives ?? 'traces'}`]: {
            receivers,
            ...(kind === 'processor' && { processors: [type] }),
            exporters,
          },
        }
  const extensions = kind === 'extension' ? [type] : []
  const sections: Record<string, Record<string, unknown>> = {
    receivers: { giver: null },
    exporters: { taker: null },
  }
  sections[`${kind}s`] = { ...sections[`${kind}s`], [type]: config }
  return loadConfig(
    { name: 'contract.yaml', text: stringify({ ...sections, service: { extensions, pipelines } }) },
    { factories: new Factories([factory, ...endFactories(ends)]), env: {} },
  )
}

function endFactories({ entry = () => {}, exit = () => OK }: Ends): Factory[] {
  const common = { stability: 'development', schema: z.strictObject({}) } as const
  const give = (_: Settings, __: unknown, next: Consumer) => {
    entry(next)
    return {}
  }
  const take = () => ({ mutates: false, consume: exit as (data: unknown) => Outcome })
  const forAll = <T>(make: T): { readonly [S in Signal]: T } => ({
    flows: make,
    traces: make,
    metrics: make,
    logs: make,
  })
  return [
    receiver({ ...common, type: 'giver', create: forAll(give) }),
    exporter({ ...common, type: 'taker', create: forAll(take) }),
  ]
}
