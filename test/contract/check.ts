import type { Bench } from './bench.ts'
import type { Subject } from './subjects.ts'

/** One sentence of the contract, and what makes sure of it. */
export interface Check {
  readonly name: string
  readonly holdsFor: (subject: Subject) => boolean
  /** Fails when the component breaks its word. */
  readonly run: (bench: Bench) => Promise<void> | void
}
