/**
 * One value for each end (pod, process, peer) that rows name, found without making texts of a row.
 *
 * Within a batch equal strings have equal indexes, so an end is found by the indexes in its
 * columns; across batches by its texts, which are looked at once a batch and end.
 *
 *     const resources = new EndCache('local', { make: encodeResource, entriesMax: 4096 })
 *     resources.begin(batch)
 *     resources.at(row)     what `make` gave for the names of that row's local end
 */
import type { FlowBatch } from './batch.ts'
import { END_COLUMNS, ROLE } from './schema.ts'

export type EndName = keyof typeof END_COLUMNS
/** Columns that are of the local end alone. */
const OWN_COLUMNS = ['comm', 'executable', 'container_id', 'pod_uid', 'systemd_unit'] as const
type OwnColumn = (typeof OWN_COLUMNS)[number]
/** All texts that rows have of an end, '' where there is none. */
export type EndNames = { readonly [N in EndName | OwnColumn]: string }

const NAMES = [...(Object.keys(END_COLUMNS) as EndName[]), ...OWN_COLUMNS] as const
const COLUMNS_NONE = new Uint32Array(0)

interface Found<T> {
  readonly columns: readonly Uint32Array[]
  readonly row: number
  readonly value: T
  readonly next: Found<T> | undefined
}

export interface EndCacheOptions<T> {
  /** `key` is the same for the same names, and for no others. */
  readonly make: (names: EndNames, key: string) => T
  /** Ends remembered across batches; beyond, those unseen for longest are made anew. */
  readonly entriesMax: number
}

export class EndCache<T> {
  readonly #which: 'local' | 'remote'
  readonly #options: EndCacheOptions<T>
  /** By the names' texts, in order of the last batch they were in. */
  readonly #values = new Map<string, T>()
  /** By hash of the names' indexes, for the batch. */
  readonly #found = new Map<number, Found<T>>()
  #batch: FlowBatch | undefined
  #src: readonly Uint32Array[] = []
  #dst: readonly Uint32Array[] = []

  constructor(which: 'local' | 'remote', options: EndCacheOptions<T>) {
    this.#which = which
    this.#options = options
  }

  /** The batch that `at` is about from now on. */
  begin(batch: FlowBatch): void {
    this.#found.clear()
    this.#batch = batch
    this.#src = this.#columns(batch, 'src')
    this.#dst = this.#columns(batch, 'dst')
  }

  at(row: number): T {
    const batch = this.#batch as FlowBatch
    const isClient = batch.base.role[row] === ROLE.client
    const columns = isClient === (this.#which === 'local') ? this.#src : this.#dst
    const hash = hashOf(columns, row)
    const first = this.#found.get(hash)
    for (let found = first; found !== undefined; found = found.next) {
      if (same(columns, row, found)) return found.value
    }
    const value = this.#value(batch, columns, row)
    this.#found.set(hash, { columns, row, value, next: first })
    return value
  }

  #columns(batch: FlowBatch, side: 'src' | 'dst'): readonly Uint32Array[] {
    const { k8s } = batch
    return NAMES.map((name) => {
      if (isOwn(name)) return this.#which === 'local' ? batch.base[name] : COLUMNS_NONE
      return k8s === undefined ? COLUMNS_NONE : k8s[`${side}_${name}`]
    })
  }

  #value(batch: FlowBatch, columns: readonly Uint32Array[], row: number): T {
    const texts = columns.map((column) => batch.strings.at(column[row] ?? 0))
    const key = JSON.stringify(texts)
    const names = () => Object.fromEntries(NAMES.map((name, i) => [name, texts[i]])) as EndNames
    const value = this.#values.get(key) ?? this.#options.make(names(), key)
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size > this.#options.entriesMax) {
      this.#values.delete(this.#values.keys().next().value as string)
    }
    return value
  }
}

function isOwn(name: EndName | OwnColumn): name is OwnColumn {
  return (OWN_COLUMNS as readonly string[]).includes(name)
}

function hashOf(columns: readonly Uint32Array[], row: number): number {
  let hash = 0
  for (let i = 0; i < columns.length; i++) {
    hash = Math.imul(hash ^ ((columns[i] as Uint32Array)[row] ?? 0), 0x01000193) ^ (hash >>> 15)
  }
  // Small integers are the cheapest keys of a Map.
  return hash & 0x3fffffff
}

function same<T>(columns: readonly Uint32Array[], row: number, found: Found<T>): boolean {
  for (let i = 0; i < columns.length; i++) {
    if ((columns[i] as Uint32Array)[row] !== (found.columns[i] as Uint32Array)[found.row]) {
      return false
    }
  }
  return true
}
