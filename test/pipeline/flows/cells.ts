/** Cells of a batch, whatever their columns. */
import { FlowBatch, STRIDE } from '../../../pipeline/flows/batch.ts'
import { COLUMN_GROUPS, type ColumnType, type GroupName } from '../../../pipeline/flows/schema.ts'

export const GROUPS = Object.keys(COLUMN_GROUPS) as GroupName[]

export type Cells = Record<string, number[] | string>

export function columnsOf(batch: FlowBatch, group: GroupName) {
  const columns = batch.add(group) as unknown as Record<string, Uint32Array>
  return Object.entries(COLUMN_GROUPS[group] as Record<string, { type: ColumnType }>).map(
    ([name, { type }]) => ({ name, type, stride: STRIDE[type], array: columns[name]! }),
  )
}

function isText(type: ColumnType): boolean {
  return type === 'string' || type === 'attributes'
}

/** All that a row holds, strings as text. */
export function cells(batch: FlowBatch, row: number, groups: readonly GroupName[] = GROUPS): Cells {
  const all: Cells = {}
  for (const group of groups.filter((name) => batch.has(name))) {
    for (const { name, type, stride, array } of columnsOf(batch, group)) {
      all[`${group}.${name}`] = isText(type)
        ? batch.text(array, row)
        : [...array.subarray(row * stride, (row + 1) * stride)]
    }
  }
  return all
}

/** A row with a value of its own in every cell, made from `seed`. */
export function fill(batch: FlowBatch, seed: number, groups: readonly GroupName[]): void {
  const row = batch.addRow()
  let n = seed
  for (const group of groups) {
    for (const { type, stride, array } of columnsOf(batch, group)) {
      for (let i = 0; i < stride; i++) {
        n = (Math.imul(n, 0x9e3779b1) + 0x7f4a7c15) >>> 0
        const half = type === 'f64' && n % 5 === 0 ? Number.NaN : n + 0.5
        array[row * stride + i] = isText(type) ? batch.strings.intern(`s${n % 7}`) : half
      }
    }
  }
}

/** A row for each end's number: rows of one end are alike but for their status, and known to be. */
export function ofEnds(
  ends: readonly number[],
  { capacity = ends.length, groups = GROUPS }: { capacity?: number; groups?: GroupName[] } = {},
): FlowBatch {
  const batch = new FlowBatch(capacity)
  for (const [row, end] of ends.entries()) {
    fill(batch, end, groups)
    batch.base.status[row] = row
    batch.firstOf[row] = ends.indexOf(end)
  }
  return batch
}
