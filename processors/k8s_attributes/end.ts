/**
 * What is written for one end of a row: the `src_` or `dst_` half of the column group `k8s`.
 *
 * An end is made once and written to many rows, so its texts are interned once a batch.
 */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { repeatBytes, repeatWords } from '../../pipeline/flows/first_rows.ts'

/** Fields of an end, in the order of `Names` and of the columns; `service_name` stands first. */
export const END_FIELDS = [
  'service_name',
  'k8s_namespace',
  'k8s_pod',
  'k8s_pod_uid',
  'k8s_workload_kind',
  'k8s_workload',
  'k8s_replicaset',
  'k8s_node',
  'k8s_container',
  'container_image',
  'k8s_service',
  'zone',
] as const

export type EndField = (typeof END_FIELDS)[number]
export type EndNames = { readonly [F in EndField]?: string }

const SERVICE_NAME = END_FIELDS.indexOf('service_name')
const SERVICE = END_FIELDS.indexOf('k8s_service')

export class End {
  readonly names: EndNames
  /** Numbers in END_FIELDS of those that it has. */
  readonly #fields: readonly number[]
  /** The indices of those in the string table of the batch `#batch`. */
  readonly #indices: number[] = []
  #batch = 0

  constructor(names: EndNames) {
    this.names = names
    this.#fields = [...END_FIELDS.keys()].filter(
      (i) => (names[END_FIELDS[i] as EndField] ?? '') !== '',
    )
  }

  /** Writes all columns of one end of a row. */
  write(target: EndColumns, row: number): void {
    if (this.#batch !== target.batchNumber) this.#begin(target)
    target.clear(row)
    const { columns } = target
    const fields = this.#fields
    for (let i = 0; i < fields.length; i++) {
      const column = columns[fields[i] as number] as Uint32Array
      column[row] = this.#indices[i] as number
    }
  }

  #begin(target: EndColumns): void {
    this.#batch = target.batchNumber
    for (const [i, field] of this.#fields.entries()) {
      this.#indices[i] = target.use(field, this.names[END_FIELDS[field] as EndField] as string)
    }
  }
}

let batches = 0

/**
 * The columns of one side of a batch, found once a batch. Most stay empty, as without a cluster all
 * but one: where they are so to begin with, those are neither written nor read.
 */
export class EndColumns {
  /** Tells one batch from the next without keeping either alive. */
  readonly batchNumber: number
  readonly columns: readonly Uint32Array[]
  /** Codes of RESOLVED. */
  readonly resolvedBy: Uint8Array
  readonly #batch: FlowBatch
  readonly #isBlank: boolean
  /** By field, whether its column of either side may have other cells than 0. */
  readonly #isUsed: Uint8Array

  private constructor(batch: FlowBatch, side: 'src' | 'dst', of: Cells) {
    const group = batch.add('k8s')
    this.#batch = batch
    this.batchNumber = batches
    this.resolvedBy = group[`${side}_resolved_by`]
    this.columns = columnsOf(group, side)
    this.#isBlank = of.isBlank
    this.#isUsed = of.isUsed
  }

  static of(batch: FlowBatch): { src: EndColumns; dst: EndColumns } {
    batches++
    const isBlank = !batch.has('k8s')
    const of = { isBlank, isUsed: new Uint8Array(END_FIELDS.length).fill(isBlank ? 0 : 1) }
    return { src: new EndColumns(batch, 'src', of), dst: new EndColumns(batch, 'dst', of) }
  }

  /** The index of a text that goes to a column, by its number in END_FIELDS. */
  use(field: number, value: string): number {
    if (value === '') return 0
    this.#isUsed[field] = 1
    return this.#batch.strings.intern(value)
  }

  clear(row: number): void {
    if (this.#isBlank) return
    for (let i = 0; i < this.columns.length; i++) (this.columns[i] as Uint32Array)[row] = 0
  }

  /** Every row says what its first says. Column by column, as that is several times faster. */
  repeat(firstOf: Uint32Array, rows: number): void {
    const firsts = firstOf.subarray(0, rows)
    for (let field = 0; field < END_FIELDS.length; field++) {
      if (this.#isUsed[field] === 1) repeatWords(this.columns[field] as Uint32Array, firsts)
    }
    repeatBytes(this.resolvedBy, firsts)
  }

  named(row: number): boolean {
    return (this.columns[SERVICE_NAME] as Uint32Array)[row] !== 0
  }

  setServiceName(row: number, value: string): void {
    ;(this.columns[SERVICE_NAME] as Uint32Array)[row] = this.use(SERVICE_NAME, value)
  }

  setService(row: number, value: string): void {
    ;(this.columns[SERVICE] as Uint32Array)[row] = this.use(SERVICE, value)
  }
}

/** What is known of all cells of both sides. */
interface Cells {
  readonly isBlank: boolean
  readonly isUsed: Uint8Array
}

const COLUMN_NAMES = {
  src: END_FIELDS.map((field) => `src_${field}` as const),
  dst: END_FIELDS.map((field) => `dst_${field}` as const),
}

function columnsOf(group: Columns<'k8s'>, side: 'src' | 'dst'): readonly Uint32Array[] {
  return COLUMN_NAMES[side].map((name) => group[name])
}
