/** The one table of families: which conventions a row's `protocol` follows. */
import type { FlowBatch } from '../batch.ts'
import type { Conventions } from './conventions.ts'
import { keyValue, sql } from './database.ts'
import { dns } from './dns.ts'
import { http } from './http.ts'
import { messaging } from './messaging.ts'
import { other } from './other.ts'
import { rpc } from './rpc.ts'

const FAMILIES: ReadonlyMap<string, Conventions> = new Map([
  ['http', http],
  ['http2', http],
  ['grpc', rpc],
  ['dns', dns],
  ['postgresql', sql],
  ['mysql', sql],
  ['redis', keyValue],
  ['memcached', keyValue],
  ['kafka', messaging],
])

/** Protocols that have conventions of their own; any other one gets what all have in common. */
export const PROTOCOL_NAMES: readonly string[] = [...FAMILIES.keys()]

export function familyOf(protocol: string): Conventions {
  return FAMILIES.get(protocol) ?? other
}

/** The families of a batch's rows, without a text a row. */
export class Families {
  readonly #known = new Map<number, Conventions>()
  #batch: FlowBatch | undefined
  /** Of the row before: rows of one protocol come together. */
  #index = -1
  #family: Conventions = other

  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#known.clear()
    this.#index = -1
  }

  at(row: number): Conventions {
    const batch = this.#batch as FlowBatch
    const index = batch.base.protocol[row] as number
    return index === this.#index ? this.#family : this.#find(batch, index)
  }

  #find(batch: FlowBatch, index: number): Conventions {
    const family = this.#known.get(index) ?? familyOf(batch.strings.at(index))
    this.#known.set(index, family)
    this.#index = index
    this.#family = family
    return family
  }
}
