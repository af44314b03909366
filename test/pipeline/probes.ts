/**
 * Components whose every step a test can see: a receiver that gives what the test tells it to, a
 * processor and a connector that pass on, an exporter that answers as it is told.
 */
import pino from 'pino'
import { z } from 'zod'
import {
  type Component,
  type Consumer,
  connector,
  exporter,
  extension,
  type Factory,
  type Host,
  processor,
  receiver,
  type Settings,
  type Signal,
  type SignalData,
} from '../../pipeline/component.ts'
import { Factories } from '../../pipeline/config/factories.ts'
import { loadConfig } from '../../pipeline/config/load.ts'
import { itemsOf } from '../../pipeline/data.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Accounts } from '../../pipeline/graph/accounts.ts'
import { buildGraph } from '../../pipeline/graph/build.ts'
import type { Graph } from '../../pipeline/graph/graph.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'

export const silent = pino({ level: 'silent' })

type Data = SignalData[Signal]

const options = z.strictObject({
  mutates: z.boolean().default(false),
  /** Something that can differ. */
  value: z.number().default(0),
  /** Whether another value can be taken over. */
  live: z.boolean().default(false),
  /** The extension that it asks for when it starts. */
  uses: z.string().default(''),
})
type Options = z.infer<typeof options>

export class Probes {
  /** `start exporter/probe`, `shutdown …`, `create …`, in the order in which it happened. */
  readonly steps: string[] = []
  /** What receivers give to, by id. */
  readonly next = new Map<string, Consumer>()
  /** What exporters took, by id. */
  readonly taken = new Map<string, Data[]>()
  /** How the exporter with an id answers; OK where there is none. */
  readonly answers = new Map<string, () => Outcome | Promise<Outcome>>()
  /** How long steps take, by name. */
  readonly waits = new Map<string, () => Promise<void>>()
  /** The host of each component that was started last, by name. */
  readonly hosts = new Map<string, Host>()
  /** Names of steps that throw. */
  readonly failing = new Set<string>()
  readonly factories: Factories

  constructor(more: readonly Factory[] = []) {
    this.factories = new Factories([...this.#factories(), ...more])
  }

  async build(yaml: string): Promise<Graph> {
    const source = { name: 'test.yaml', text: yaml }
    const config = loadConfig(source, { factories: this.factories, env: {} })
    return await buildGraph(config, {
      logger: silent,
      version: '0',
      inherited: () => undefined,
      accounts: new Accounts(),
    })
  }

  /** Gives data to a pipeline as the receiver with this id would. */
  give(id: string, data: Data): Outcome | Promise<Outcome> {
    const next = this.next.get(id)
    if (next === undefined) throw new Error(`No receiver "${id}" was created`)
    return next.consume(data)
  }

  #component(name: string, config: Options): Component {
    const step = (what: string) => {
      this.steps.push(`${what} ${name}`)
      if (this.failing.has(`${what} ${name}`)) throw new Error(`${what} fails`)
    }
    const wait = async (what: string) => await this.waits.get(`${what} ${name}`)?.()
    step('create')
    const live = (wanted: unknown) => {
      const { value } = wanted as Options
      return () => void this.steps.push(`reconfigure ${name} ${value}`)
    }
    return {
      start: async (host) => {
        this.hosts.set(name, host)
        step('start')
        if (config.uses !== '') host.extension(config.uses)
        await wait('start')
      },
      shutdown: async () => {
        step('shutdown')
        await wait('shutdown')
      },
      ...(config.live && { reconfigure: live }),
    }
  }

  #factories(): Factory[] {
    const base = { type: 'probe', aliases: ['old_probe'], stability: 'development' } as const
    const receive = ({ id }: Settings, config: Options, next: Consumer) => {
      const component = this.#component(`receiver/${id}`, config)
      this.next.set(id, next)
      return component
    }
    const pass = (kind: string) => (s: Settings, config: Options, next: Consumer) => ({
      ...this.#component(`${kind}/${s.id}`, config),
      mutates: config.mutates,
      consume: (data: Data) => next.consume(data),
    })
    const send = ({ id, ledger }: Settings, config: Options) => ({
      ...this.#component(`exporter/${id}`, config),
      mutates: config.mutates,
      consume: (data: Data) => {
        const taken = this.taken.get(id) ?? []
        this.taken.set(id, taken)
        taken.push(data)
        const answer = this.answers.get(id)?.() ?? OK
        if (!(answer instanceof Promise) && answer.kind === 'ok') ledger.used('sent', itemsOf(data))
        return answer
      },
    })
    const convert = ({ id, ledger }: Settings, config: Options, next: Consumer) => ({
      ...this.#component(`connector/${id}`, config),
      mutates: config.mutates,
      consume: (data: Data) => {
        const items = itemsOf(data)
        const outcome = next.consume(spans(items))
        if (!(outcome instanceof Promise) && outcome.kind === 'ok') ledger.used('converted', items)
        return outcome
      },
    })
    return [
      receiver({ ...base, schema: options, create: { flows: receive, traces: receive } }),
      processor({ ...base, schema: options, create: { flows: pass('processor') } }),
      extension({
        ...base,
        schema: options,
        create: ({ id }, config) => this.#component(`extension/${id}`, config),
      }),
      exporter({ ...base, schema: options, create: { flows: send, traces: send } }),
      connector({
        ...base,
        type: 'joint',
        aliases: [],
        schema: options,
        create: { flows: { traces: convert, flows: pass('connector') } },
      }),
    ]
  }
}

/** A flow batch of so many empty rows. */
export function flows(rows: number): FlowBatch {
  const batch = new FlowBatch(Math.max(rows, 1))
  for (let i = 0; i < rows; i++) batch.addRow()
  return batch
}

/** A batch of traces that says it has so many spans; the graph never looks inside. */
export function spans(items: number): SignalData['traces'] {
  return { signal: 'traces', bytes: new Uint8Array([10, 0]), items }
}
