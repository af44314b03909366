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
  }

  /** All values: for those that are good for a while only. */
  forget(): void {
    this.#index.clear()
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

  /** @param own a u32 of the caller's: rows that differ in it are not alike */
  get(row: number, own: number): T | undefined {
    const { base } = this.#batch as FlowBatch
    const texts = this.#texts
    const { words } = this.#index
    const isServer = base.role[row] === ROLE.server
    const isDesynchronised = base.desynchronised[row] === 1
    const isAnswered = (base.response_bytes[row] as number) > 0
    const mayWait = base.wait_max_ms[row] !== 0
    const flags =
      (isServer ? 1 : 0) | (isDesynchronised ? 2 : 0) | (isAnswered ? 4 : 0) | (mayWait ? 8 : 0)
    words[0] = (texts.at(base.protocol[row] as number) << 4) | flags
    words[1] = texts.at(base.method[row] as number)
    words[2] = this.#detail(base, row)
    words[3] = texts.at(base.namespace[row] as number)
    words[4] = texts.at(base.error[row] as number)
    words[5] = texts.at(base.protocol_version[row] as number)
    words[6] = own
    this.#fillServer(base, row, !isServer || this.#ofAllServers)
    return this.#index.get()
  }

  /** Of the row that `get` has not found. */
  set(value: T): T {
    return this.#index.set(value)
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
