/**
 * One value for each end (pod, process, peer) that rows name, found without making texts of a row.
 *
 * Rows of one first (first_rows.ts) have one end. Of other rows of a batch an end is found by the
 * indexes in its columns, as equal strings have equal ones; across batches by its texts, which are
 * looked at once a batch and end.
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

const END_NAMES = Object.keys(END_COLUMNS) as EndName[]
const SIDES = {
  src: END_NAMES.map((name) => `src_${name}` as const),
  dst: END_NAMES.map((name) => `dst_${name}` as const),
}
const NAMES = [...END_NAMES, ...OWN_COLUMNS] as const
/** An end's texts by which it is told from most others, the first that it has. */
const TELLING = (
  ['container_id', 'k8s_pod_uid', 'pod_uid', 'service_name', 'executable', 'comm'] as const
).map((name) => NAMES.indexOf(name))

interface Entry<T> {
  readonly texts: readonly string[]
  readonly key: string
  readonly telling: string
  readonly value: T
}

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

export class EndCache<T extends NonNullable<unknown>> {
  readonly #which: 'local' | 'remote'
  readonly #options: EndCacheOptions<T>
  /** By the names' texts, in order of the last batch they were in. */
  readonly #entries = new Map<string, Entry<T>>()
  /** By a telling text, the end that had it last: most often the one, found without a key. */
  readonly #guesses = new Map<string, Entry<T>>()
  /** By hash of the names' indexes, for the batch. */
  readonly #found = new Map<number, Found<T>>()
  /** By row that is a first, for the batch. */
  readonly #ofFirsts: (T | undefined)[] = []
  #firstOf = new Uint32Array(0)
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
    this.#ofFirsts.fill(undefined, 0, batch.rows)
    while (this.#ofFirsts.length < batch.rows) this.#ofFirsts.push(undefined)
    this.#firstOf = batch.firstOf as Uint32Array<ArrayBuffer>
    this.#batch = batch
    this.#src = this.#columns(batch, 'src')
    this.#dst = this.#columns(batch, 'dst')
  }

  at(row: number): T {
    const first = this.#firstOf[row] as number
    const known = this.#ofFirsts[first]
    if (known !== undefined) return known
    const value = this.#find(first)
    this.#ofFirsts[first] = value
    return value
  }

  #find(row: number): T {
    const batch = this.#batch as FlowBatch
    const isClient = batch.base.role[row] === ROLE.client
    const columns = isClient === (this.#which === 'local') ? this.#src : this.#dst
    const hash = hashOf(columns, row)
    const first = this.#found.get(hash)
    for (let found = first; found !== undefined; found = found.next) {
      if (same(columns, row, found)) return found.value
    }
    const value = this.#value({ batch, columns, row })
    this.#found.set(hash, { columns, row, value, next: first })
    return value
  }

  /** In the order of NAMES, those that the batch has of such an end. */
  #columns(batch: FlowBatch, side: 'src' | 'dst'): readonly Uint32Array[] {
    const { base, k8s } = batch
    const ofCluster = k8s === undefined ? [] : SIDES[side].map((name) => k8s[name])
    const own = this.#which === 'local' ? OWN_COLUMNS.map((name) => base[name]) : []
    return [...ofCluster, ...own]
  }

  /** Most often it is the one guessed, and then no text is copied. */
  #value(end: EndRow): T {
    const telling = tellingOf(end)
    const guess = this.#guesses.get(telling)
    if (guess !== undefined && hasTexts(end, guess.texts)) {
      this.#remember(guess)
      return guess.value
    }
    const texts = textsOf(end)
    const key = JSON.stringify(texts)
    const known = this.#entries.get(key)
    const names = () => Object.fromEntries(NAMES.map((name, i) => [name, texts[i]])) as EndNames
    const entry = known ?? { texts, key, telling, value: this.#options.make(names(), key) }
    this.#remember(entry)
    this.#guesses.set(telling, entry)
    return entry.value
  }

  #remember(entry: Entry<T>): void {
    this.#entries.delete(entry.key)
    this.#entries.set(entry.key, entry)
    if (this.#entries.size <= this.#options.entriesMax) return
    const oldest = this.#entries.values().next().value as Entry<T>
    this.#entries.delete(oldest.key)
    const { telling } = oldest
    if (this.#guesses.get(telling) === oldest) this.#guesses.delete(telling)
  }
}

/** The columns are NAMES', in their order, those that the batch has of such an end. */
interface EndRow {
  readonly batch: FlowBatch
  readonly columns: readonly Uint32Array[]
  readonly row: number
}

/** '' where the batch does not have it. */
function textAt({ batch, columns, row }: EndRow, name: number): string {
  const at = batch.k8s === undefined ? name - END_NAMES.length : name
  if (at < 0 || at >= columns.length) return ''
  return batch.strings.at((columns[at] as Uint32Array)[row] as number)
}

function textsOf(end: EndRow): readonly string[] {
  return NAMES.map((_, name) => textAt(end, name))
}

function hasTexts(end: EndRow, texts: readonly string[]): boolean {
  for (let name = 0; name < NAMES.length; name++) {
    if (texts[name] !== textAt(end, name)) return false
  }
  return true
}

function tellingOf(end: EndRow): string {
  for (let i = 0; i < TELLING.length; i++) {
    const text = textAt(end, TELLING[i] as number)
    if (text !== '') return text
  }
  return ''
}

function hashOf(columns: readonly Uint32Array[], row: number): number {
  let hash = 0
  for (let i = 0; i < columns.length; i++) {
    const index = (columns[i] as Uint32Array)[row] as number
    hash = Math.imul(hash ^ index, 0x01000193) ^ (hash >>> 15)
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
