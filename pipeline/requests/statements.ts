/** The prepared statements of a connection, by what their executions refer to: names or numbers. */
import type { Statement } from './sql.ts'

export interface Prepared {
  readonly statement: Statement
  /** Its text was not seen whole. */
  readonly truncated: boolean
}

/** Of a statement that was prepared unseen. */
export const UNKNOWN_STATEMENT: Prepared = {
  statement: { method: 'EXECUTE', target: '', query: '' },
  truncated: true,
}

/** Beyond, the one that was prepared first is forgotten: drivers keep some hundred. */
const STATEMENTS_MAX = 512

export class Statements<Key extends string | number> {
  readonly #byKey = new Map<Key, Prepared>()

  get(key: Key): Prepared | undefined {
    return this.#byKey.get(key)
  }

  set(key: Key, statement: Prepared): void {
    this.#byKey.delete(key)
    this.#byKey.set(key, statement)
    if (this.#byKey.size <= STATEMENTS_MAX) return
    this.#byKey.delete(this.#byKey.keys().next().value as Key)
  }

  delete(key: Key): void {
    this.#byKey.delete(key)
  }

  clear(): void {
    this.#byKey.clear()
  }
}
