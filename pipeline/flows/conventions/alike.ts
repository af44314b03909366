/**
 * One value for rows that are alike in what the conventions read of them, worked out once a batch.
 *
 *     alike.begin(batch)
 *     alike.get(row, 0) ?? alike.set(makeOf(alike.familyOf(row).span(batch, row, alike.of(row))))
 *
 * It is what makes a row cheap: a handful of numbers is compared, and no text is made.
 */
import type { Columns, FlowBatch } from '../batch.ts'
import { addressWords, noAddress, RowIndex } from '../row_index.ts'
import { ROLE } from '../schema.ts'
import type { Conventions, Detail, Of } from './conventions.ts'
import { Families } from './families.ts'
import { type HttpRoutesConfig, Routes } from './routes.ts'

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
  readonly #index = new RowIndex<T>(ADDRESS + 4)
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

  /** @param own a number of the caller's: rows that differ in it are not alike */
  get(row: number, own: number): T | undefined {
    const { base } = this.#batch as FlowBatch
    const { numbers } = this.#index
    const isServer = base.role[row] === ROLE.server
    const isDesynchronised = base.desynchronised[row] === 1
    const isAnswered = (base.response_bytes[row] as number) > 0
    const mayWait = base.wait_max_ms[row] !== 0
    const flags =
      (isServer ? 1 : 0) | (isDesynchronised ? 2 : 0) | (isAnswered ? 4 : 0) | (mayWait ? 8 : 0)
    numbers[0] = (base.protocol[row] as number) * 16 + flags
    numbers[1] = base.method[row] as number
    this.#fillDetail(base, row)
    numbers[3] = base.namespace[row] as number
    numbers[4] = base.error[row] as number
    numbers[5] = base.protocol_version[row] as number
    numbers[6] = own
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

  #fillDetail(base: Columns<'base'>, row: number): void {
    const { numbers } = this.#index
    const detail = this.#detailOf(row)
    if (detail === 'route') numbers[2] = this.#routes.numberAt(row)
    else numbers[2] = detail === 'target' ? (base.target[row] as number) : 0
  }

  #fillServer(base: Columns<'base'>, row: number, matters: boolean): void {
    const { numbers } = this.#index
    const status = (base.status[row] as number) * 65_536
    const host = matters ? (base.host[row] as number) : 0
    numbers[7] = matters ? status + (base.dst_port[row] as number) : status
    numbers[8] = host
    if (matters && host === 0) addressWords(numbers, ADDRESS, [base.dst_address, row])
    else noAddress(numbers, ADDRESS)
  }
}
