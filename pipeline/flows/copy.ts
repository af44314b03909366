/**
 * Copies rows of a column, whatever its typed array.
 *
 * One loop per kind of array although they read alike: a loop that sees all four has polymorphic
 * element access and takes three times as long (1.6 µs a row of all groups against 0.6, Node 26).
 */
export type ColumnArray = Uint8Array | Uint16Array | Uint32Array | Float64Array

export interface Target {
  readonly array: ColumnArray
  /** Row of the first copy; the others follow. */
  readonly row: number
  /** Elements a row takes, in both arrays. Columns of u16 and f64 have one. */
  readonly stride: number
}

/** `from` and `target.array` must be of one kind. */
export function copyRows(from: ColumnArray, rows: ArrayLike<number>, target: Target): void {
  const { array, row, stride } = target
  if (from instanceof Uint32Array) copyWords(from, rows, array as Uint32Array, [row, stride])
  else if (from instanceof Uint8Array) copyBytes(from, rows, array as Uint8Array, [row, stride])
  else if (from instanceof Float64Array) copyDoubles(from, rows, array as Float64Array, row)
  else copyShorts(from, rows, array as Uint16Array, row)
}

type RowAndStride = readonly [row: number, stride: number]

function copyWords(
  from: Uint32Array,
  rows: ArrayLike<number>,
  to: Uint32Array,
  [row, stride]: RowAndStride,
): void {
  let at = row * stride
  for (let i = 0; i < rows.length; i++) {
    const first = (rows[i] as number) * stride
    for (let e = first; e < first + stride; e++) to[at++] = from[e] as number
  }
}

function copyBytes(
  from: Uint8Array,
  rows: ArrayLike<number>,
  to: Uint8Array,
  [row, stride]: RowAndStride,
): void {
  let at = row * stride
  for (let i = 0; i < rows.length; i++) {
    const first = (rows[i] as number) * stride
    for (let e = first; e < first + stride; e++) to[at++] = from[e] as number
  }
}

function copyDoubles(
  from: Float64Array,
  rows: ArrayLike<number>,
  to: Float64Array,
  row: number,
): void {
  for (let i = 0; i < rows.length; i++) to[row + i] = from[rows[i] as number] as number
}

function copyShorts(
  from: Uint16Array,
  rows: ArrayLike<number>,
  to: Uint16Array,
  row: number,
): void {
  for (let i = 0; i < rows.length; i++) to[row + i] = from[rows[i] as number] as number
}
