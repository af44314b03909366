/**
 * One value for rows that are alike in what the conventions read of them, worked out once.
 *
 *     alike.begin(batch)
 *     alike.get(row, 0) ?? alike.set(makeOf(alike.familyOf(row).span(batch, row, alike.of(row))))
 *
 * It is what makes a row cheap: a handful of numbers is compared, and no text is made.
 */
import type { Columns, FlowBatch } from '../batch.ts'
import { ROLE } from '../schema.ts'
import { addressWord, WordIndex } from '../word_index.ts'
import type { Conventions, Detail, Of } from './conventions.ts'
import { Families } from './families.ts'
import { type HttpRoutesConfig, Routes } from './routes.ts'
import { Texts } from './texts.ts'

/** Kinds of rows that are remembered. */
const ENTRIES_MAX = 4096
/** Where an address stands among the words of a row. */
const ADDRESS = 9

export interface AlikeConfig {
  readonly known_methods: readonly string[]
  readonly http_routes: HttpRoutesConfig
}

export interface AlikeOptions {
  readonly detail: 'spanDetail' | 'metricDetail'
  /** Rows of which it matters which server was asked. */
  readonly serversOf: 'all' | 'clients'
}

export class Alike<T> {
  readonly #ofSpans: boolean
  readonly #ofAllServers: boolean
  readonly #methods: ReadonlySet<string>
  readonly #routes: Routes
  readonly #families = new Families()
  readonly #texts = new Texts()
  readonly #index = new WordIndex<T>(ADDRESS + 4, ENTRIES_MAX)
  #batch: FlowBatch | undefined
  /** By row that is a first: one more than the last row of its end that was asked for, or 0. */
  #lasts = new Uint32Array(0)
  /** By row: its detail. */
  #details = new Uint32Array(0)
  /** By row that is a first: the value of that last row. */
  readonly #values: (T | undefined)[] = []
  /** What `get` was asked for last. */
  #row = 0

  constructor(config: AlikeConfig, options: AlikeOptions) {
    this.#ofSpans = options.detail === 'spanDetail'
    this.#ofAllServers = options.serversOf === 'all'
    this.#methods = new Set(config.known_methods)
    this.#routes = new Routes(config.http_routes)
  }

  /** The batch whose rows are asked for from now on. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#families.begin(batch)
    this.#routes.begin(batch)
    if (this.#texts.begin(batch)) this.#index.clear()
    if (this.#lasts.length < batch.rows) {
      this.#lasts = new Uint32Array(batch.rows * 2)
      this.#details = new Uint32Array(batch.rows * 2)
    } else this.#lasts.fill(0, 0, batch.rows)
    while (this.#values.length < batch.rows) this.#values.push(undefined)
  }

  /** All values: for those that are good for a while only. */
  forget(): void {
    this.#index.clear()
    this.#lasts.fill(0)
  }

  familyOf(row: number): Conventions {
    return this.#families.at(row)
  }

  /** What the family must know of the row beside its columns. */
  of(row: number): Of {
    return {
      route: this.#detailOf(row) === 'route' ? this.#routes.at(row) : '',
      methods: this.#methods,
    }
  }

  /** @param own a u32 of the caller's, of the row's end: rows that differ in it are not alike */
  get(row: number, own: number): T | undefined {
    const { base, firstOf } = this.#batch as FlowBatch
    const first = firstOf[row] as number
    const last = this.#lasts[first] as number
    const detail = this.#detail(base, row)
    this.#row = row
    this.#details[row] = detail
    if (last !== 0 && detail === this.#details[last - 1] && same(base, row, last - 1)) {
      return this.#values[first]
    }
    const value = this.#find(base, row, own)
    if (value !== undefined) this.#remember(value)
    return value
  }

  /** Of the row that `get` has not found. */
  set(value: T): T {
    this.#remember(value)
    return this.#index.set(value)
  }

  #remember(value: T): void {
    const first = (this.#batch as FlowBatch).firstOf[this.#row] as number
    this.#lasts[first] = this.#row + 1
    this.#values[first] = value
  }

  #find(base: Columns<'base'>, row: number, own: number): T | undefined {
    const texts = this.#texts
    const { words } = this.#index
    const isServer = base.role[row] === ROLE.server
    words[0] =
      (texts.at(base.protocol[row] as number) << 4) | (isServer ? 8 : 0) | flagsOf(base, row)
    words[1] = texts.at(base.method[row] as number)
    words[2] = this.#details[row] as number
    words[3] = texts.at(base.namespace[row] as number)
    words[4] = texts.at(base.error[row] as number)
    words[5] = texts.at(base.protocol_version[row] as number)
    words[6] = own
    this.#fillServer(base, row, !isServer || this.#ofAllServers)
    return this.#index.get()
  }

  #detailOf(row: number): Detail {
    const family = this.#families.at(row)
    return this.#ofSpans ? family.spanDetail : family.metricDetail
  }

  #detail(base: Columns<'base'>, row: number): number {
    const detail = this.#detailOf(row)
    if (detail === 'route') return this.#routes.numberAt(row)
    return detail === 'target' ? this.#texts.at(base.target[row] as number) : 0
  }

  #fillServer(base: Columns<'base'>, row: number, matters: boolean): void {
    const { words } = this.#index
    const status = (base.status[row] as number) << 16
    const host = matters ? this.#texts.at(base.host[row] as number) : 0
    words[7] = matters ? status | (base.dst_port[row] as number) : status
    words[8] = host
    const hasAddress = matters && host === 0
    for (let i = 0; i < 4; i++) {
      words[ADDRESS + i] = hasAddress ? addressWord(base.dst_address, row * 16 + i * 4) : 0
    }
  }
}

/** What of a row matters as true or false. */
function flagsOf(base: Columns<'base'>, row: number): number {
  const isAnswered = (base.response_bytes[row] as number) > 0
  const mayWait = base.wait_max_ms[row] !== 0
  return (base.desynchronised[row] === 1 ? 1 : 0) | (isAnswered ? 2 : 0) | (mayWait ? 4 : 0)
}

/** Whether two rows of one end are alike, given that the detail is the same. */
function same(base: Columns<'base'>, row: number, last: number): boolean {
  return (
    base.status[row] === base.status[last] &&
    base.method[row] === base.method[last] &&
    base.host[row] === base.host[last] &&
    base.protocol[row] === base.protocol[last] &&
    base.protocol_version[row] === base.protocol_version[last] &&
    base.error[row] === base.error[last] &&
    base.namespace[row] === base.namespace[last] &&
    flagsOf(base, row) === flagsOf(base, last)
  )
}
