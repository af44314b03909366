/** The prepared statements of a connection, by name: what Bind refers to. */
import type { Statement } from '../sql.ts'

export interface Prepared {
  readonly statement: Statement
  /** Its text was not seen whole. */
  readonly truncated: boolean
}

/** Beyond, the one that was prepared first is forgotten: drivers keep some hundred. */
const STATEMENTS_MAX = 512

export class Statements {
  readonly #byName = new Map<string, Prepared>()

  get(name: string): Prepared | undefined {
    return this.#byName.get(name)
  }

  set(name: string, statement: Prepared): void {
    this.#byName.delete(name)
    this.#byName.set(name, statement)
    if (this.#byName.size <= STATEMENTS_MAX) return
    this.#byName.delete(this.#byName.keys().next().value as string)
  }
}
