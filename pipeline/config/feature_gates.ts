/** Feature gates: behaviour that is on its way in or out. Stages, messages: the Collector's. */

export type Stage = 'Alpha' | 'Beta' | 'Stable' | 'Deprecated'

export interface Gate {
  readonly id: string
  readonly stage: Stage
  readonly description: string
  readonly fromVersion: string
  /** When it goes: of a gate that is stable or deprecated. */
  readonly toVersion?: string
}

export const APPEND_LISTS = 'confmap.enableMergeAppendOption'

export const GATES: readonly Gate[] = [
  {
    id: APPEND_LISTS,
    stage: 'Alpha',
    description: 'Joins the lists of extensions, receivers and exporters of several sources.',
    fromVersion: 'v0.1.0',
  },
  {
    // The Collector's documentation tells its users to name it, so it must be known.
    id: 'otelcol.printInitialConfig',
    stage: 'Beta',
    description: 'Enables the command print-config.',
    fromVersion: 'v0.1.0',
  },
]

export class FeatureGates {
  readonly #gates: ReadonlyMap<string, Gate>
  readonly #enabled = new Set<string>()

  constructor(gates: readonly Gate[] = GATES) {
    this.#gates = new Map(gates.map((gate) => [gate.id, gate]))
    for (const { id, stage } of gates) {
      if (stage === 'Beta' || stage === 'Stable') this.#enabled.add(id)
    }
  }

  isEnabled(id: string): boolean {
    return this.#enabled.has(id)
  }

  /** In the order of their ids. */
  list(): Gate[] {
    return [...this.#gates.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** `a,-b,+c`. What is right in it takes effect, what is wrong is thrown, all of it at once. */
  set(text: string): void {
    if (text === '') return
    const problems = text.split(',').flatMap((id, index) => {
      if (id === '') return `empty feature gate identifier at index ${index}`
      return this.#setOne(id.replace(/^[-+]/, ''), !id.startsWith('-')) ?? []
    })
    if (problems.length > 0) throw new Error(problems.join('; '))
  }

  #setOne(id: string, enabled: boolean): string | undefined {
    const gate = this.#gates.get(id)
    if (gate === undefined) {
      const valid = this.list().map((known) => known.id)
      return `no such feature gate "${id}". valid gates: [${valid.join(' ')}]`
    }
    if (gate.stage === 'Stable' && !enabled) {
      return `feature gate "${id}" is stable, can not be disabled`
    }
    if (gate.stage === 'Deprecated' && enabled) {
      return `feature gate "${id}" is deprecated, can not be enabled`
    }
    if (enabled) this.#enabled.add(id)
    else this.#enabled.delete(id)
    return undefined
  }
}
