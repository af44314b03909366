/** The table of components, by kind and by each spelling of the type. */
import type {
  ConnectorFactory,
  ExporterFactory,
  ExtensionFactory,
  Factory,
  ProcessorFactory,
  ReceiverFactory,
} from '../component.ts'
import { KINDS, type Kind } from '../component.ts'

export interface FactoryOfKind {
  receiver: ReceiverFactory
  processor: ProcessorFactory
  exporter: ExporterFactory
  connector: ConnectorFactory
  extension: ExtensionFactory
}

export class Factories {
  readonly #byKind = new Map<Kind, Map<string, Factory>>(KINDS.map((kind) => [kind, new Map()]))
  readonly #all: readonly Factory[]

  /** Throws when two components of a kind want the same name. */
  constructor(factories: readonly Factory[]) {
    this.#all = factories
    for (const factory of factories) {
      const known = this.#byKind.get(factory.kind) as Map<string, Factory>
      for (const type of [factory.type, ...(factory.aliases ?? [])]) {
        if (known.has(type)) throw new Error(`Two factories for the ${factory.kind} "${type}"`)
        known.set(type, factory)
      }
    }
  }

  get<K extends Kind>(kind: K, type: string): FactoryOfKind[K] | undefined {
    return this.#byKind.get(kind)?.get(type) as FactoryOfKind[K] | undefined
  }

  /** Every spelling, sorted. */
  types(kind: Kind): string[] {
    return [...(this.#byKind.get(kind) as Map<string, Factory>).keys()].sort()
  }

  /** The factories of a kind, sorted by type. */
  list(kind: Kind): Factory[] {
    return this.#all
      .filter((factory) => factory.kind === kind)
      .sort((a, b) => (a.type < b.type ? -1 : 1))
  }
}
