/** Rows of a batch that move to the places of rows that are taken out. */

export interface Moves {
  /** Which row is where afterwards, by its number before. */
  readonly sources: Uint32Array
  /** The places that others get. */
  readonly to: readonly number[]
  /** How many rows there are, and are left. */
  readonly rows: number
  readonly left: number
}

/** `gone` in ascending order: the last rows that stay get their places, in order too. */
export function movesFor(rows: number, gone: ArrayLike<number>): Moves {
  const left = rows - gone.length
  const sources = new Uint32Array(left)
  for (let row = 0; row < left; row++) sources[row] = row
  const to: number[] = []
  for (let i = 0; i < gone.length && (gone[i] as number) < left; i++) to.push(gone[i] as number)
  let next = to.length
  let mover = left
  for (const hole of to) {
    while (next < gone.length && gone[next] === mover) {
      next++
      mover++
    }
    sources[hole] = mover++
  }
  return { sources, to, rows, left }
}

/** How wide a column's cells are. */
export interface CellSize {
  readonly stride: number
  readonly bytesPerElement: number
}

/**
 * Moves the cells of columns that stand in one buffer, and makes those 0 that no row has any more:
 * as bytes or words, for a loop that sees arrays of several kinds is slow, and so is a native call
 * for each of a hundred columns.
 */
export function moveCells(
  columns: readonly ArrayBufferView[],
  sizes: readonly CellSize[],
  moves: Moves,
): void {
  const { buffer } = columns[0] as ArrayBufferView
  const bytes = new Uint8Array(buffer)
  const words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
  for (let i = 0; i < columns.length; i++) {
    const { stride, bytesPerElement } = sizes[i] as CellSize
    const { byteOffset } = columns[i] as ArrayBufferView
    const size = stride * bytesPerElement
    if (bytesPerElement >= 4) moveWords(words, moves, { first: byteOffset / 4, size: size / 4 })
    else moveBytes(bytes, moves, { first: byteOffset, size })
  }
}

/** Where a column begins, and how much of it a row takes. */
interface Cells {
  readonly first: number
  readonly size: number
}

/** A function for each kind of array: V8 compiles a loop for the kinds that it has met there. */
function moveWords(
  words: Uint32Array,
  { rows, left, sources, to }: Moves,
  { first, size }: Cells,
): void {
  for (let i = 0; i < to.length; i++) {
    const hole = to[i] as number
    const into = first + hole * size
    const from = first + (sources[hole] as number) * size
    for (let word = 0; word < size; word++) words[into + word] = words[from + word] as number
  }
  for (let at = first + left * size; at < first + rows * size; at++) words[at] = 0
}

function moveBytes(
  bytes: Uint8Array,
  { rows, left, sources, to }: Moves,
  { first, size }: Cells,
): void {
  for (let i = 0; i < to.length; i++) {
    const hole = to[i] as number
    const into = first + hole * size
    const from = first + (sources[hole] as number) * size
    for (let byte = 0; byte < size; byte++) bytes[into + byte] = bytes[from + byte] as number
  }
  for (let at = first + left * size; at < first + rows * size; at++) bytes[at] = 0
}
