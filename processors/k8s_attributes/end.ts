/**
 * What is written for one end of a row: the `src_` or `dst_` half of the column group `k8s`.
 *
 * An end is made once and written to many rows, so its texts are interned once a batch.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'

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
  /** Indices in the string table of the batch `#batch`. */
  #indices: number[] = []
  #batch = 0

  constructor(names: EndNames) {
    this.names = names
  }

  /** Writes all columns of one end of a row. */
  write(target: EndColumns, row: number): void {
    if (this.#batch !== target.batchNumber) {
      this.#batch = target.batchNumber
      this.#indices = END_FIELDS.map((field) => target.intern(this.names[field] ?? ''))
    }
    const { columns } = target
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as Uint32Array
      column[row] = this.#indices[i] as number
    }
  }
}

let batches = 0

/** The columns of one side of a batch, found once a batch. */
export class EndColumns {
  /** Tells one batch from the next without keeping either alive. */
  readonly batchNumber: number
  readonly columns: readonly Uint32Array[]
  /** Codes of RESOLVED. */
  readonly resolvedBy: Uint8Array
  readonly #batch: FlowBatch

  private constructor(batch: FlowBatch, side: 'src' | 'dst', batchNumber: number) {
    const group = batch.add('k8s')
    this.#batch = batch
    this.batchNumber = batchNumber
    this.resolvedBy = group[`${side}_resolved_by`]
    this.columns = END_FIELDS.map((field) => group[`${side}_${field}`])
  }

  static of(batch: FlowBatch): { src: EndColumns; dst: EndColumns } {
    batches++
    return {
      src: new EndColumns(batch, 'src', batches),
      dst: new EndColumns(batch, 'dst', batches),
    }
  }

  intern(value: string): number {
    return value === '' ? 0 : this.#batch.strings.intern(value)
  }

  clear(row: number): void {
    for (const column of this.columns) column[row] = 0
  }

  /** Every row says what its first says. Column by column, as that is several times faster. */
  repeat(firstOf: Uint32Array, rows: number): void {
    for (let i = 0; i < this.columns.length; i++) {
      const column = this.columns[i] as Uint32Array
      for (let row = 0; row < rows; row++) column[row] = column[firstOf[row] as number] as number
    }
    const { resolvedBy } = this
    for (let row = 0; row < rows; row++) {
      resolvedBy[row] = resolvedBy[firstOf[row] as number] as number
    }
  }

  named(row: number): boolean {
    return this.columns[SERVICE_NAME]?.[row] !== 0
  }

  setServiceName(row: number, value: string): void {
    ;(this.columns[SERVICE_NAME] as Uint32Array)[row] = this.intern(value)
  }

  setService(row: number, value: string): void {
    ;(this.columns[SERVICE] as Uint32Array)[row] = this.intern(value)
  }
}
