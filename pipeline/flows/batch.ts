/**
 * Flow rows as columns: typed arrays over one transferable buffer a group, and a string table.
 *
 *     batch.base.srtt_us[row]            a number
 *     batch.base.flow_id[2 * row + 1]    the high half of an id
 *     batch.text(batch.base.comm, row)   a string
 *     batch.add('stitch').trace_id       a group that a processor adds
 *
 * A row is an index. Rows are appended up to the capacity. Where rows are taken out (`removeRows`)
 * others get their indexes; who wants few rows of many makes a new batch with `appendRows`.
 */
import { copyRows } from './copy.ts'
import { copyFirsts } from './first_rows.ts'
import { moveCells, movesFor } from './moves.ts'
import { COLUMN_GROUPS, type ColumnSpec, type ColumnType, type GroupName } from './schema.ts'
import { SpareColumns } from './spare_columns.ts'
import { StringTable } from './strings.ts'

interface ArrayOf {
  u8: Uint8Array
  u16: Uint16Array
  u32: Uint32Array
  f64: Float64Array
  enum: Uint8Array
  flag: Uint8Array
  string: Uint32Array
  u64: Uint32Array
  time: Uint32Array
  id64: Uint32Array
  id128: Uint32Array
  address: Uint8Array
  attributes: Uint32Array
}

export type Columns<G extends GroupName> = {
  readonly [K in keyof (typeof COLUMN_GROUPS)[G]]: (typeof COLUMN_GROUPS)[G][K] extends {
    type: infer T extends ColumnType
  }
    ? ArrayOf[T]
    : never
}

/** Elements a row takes in its typed array. */
export const STRIDE: { readonly [T in ColumnType]: number } = {
  u8: 1,
  u16: 1,
  u32: 1,
  f64: 1,
  enum: 1,
  flag: 1,
  string: 1,
  u64: 2,
  time: 2,
  id64: 2,
  id128: 4,
  address: 16,
  attributes: 1,
}

type Column = ArrayOf[ColumnType]

const CONSTRUCTORS = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f64: Float64Array,
  enum: Uint8Array,
  flag: Uint8Array,
  string: Uint32Array,
  u64: Uint32Array,
  time: Uint32Array,
  id64: Uint32Array,
  id128: Uint32Array,
  address: Uint8Array,
  attributes: Uint32Array,
} as const

interface Plan {
  readonly name: string
  readonly spec: ColumnSpec
  /** Whether values are indexes of the batch's strings. */
  readonly isText: boolean
  readonly stride: number
  readonly bytesPerElement: number
}

/** Columns of a group, widest elements first, so that each starts aligned without padding. */
const PLANS = Object.fromEntries(
  Object.entries(COLUMN_GROUPS).map(([group, columns]) => [group, planOf(columns)]),
) as Record<GroupName, readonly Plan[]>

function planOf(columns: Record<string, ColumnSpec>): readonly Plan[] {
  return Object.entries(columns)
    .map(([name, spec]) => ({
      name,
      spec,
      isText: spec.type === 'string' || spec.type === 'attributes',
      stride: STRIDE[spec.type],
      bytesPerElement: CONSTRUCTORS[spec.type].BYTES_PER_ELEMENT,
    }))
    .sort((a, b) => b.bytesPerElement - a.bytesPerElement)
}

/** The same columns by name, and in the order of the plans: to look up a hundred names costs. */
interface Group {
  readonly columns: Readonly<Record<string, Column>>
  readonly list: readonly Column[]
}

const GROUP_NAMES = Object.keys(PLANS) as readonly GroupName[]

const ROW_BYTES = Object.fromEntries(
  Object.entries(PLANS).map(([group, plans]) => [group, rowBytes(plans)]),
) as { readonly [G in GroupName]: number }

const SPARES = Object.fromEntries(
  Object.keys(PLANS).map((group) => [group, new SpareColumns()]),
) as { readonly [G in GroupName]: SpareColumns<Group> }

export class FlowBatch {
  readonly capacity: number
  readonly strings = new StringTable()
  readonly base: Columns<'base'>
  /**
   * By row, the first of the rows that are known to be of the same end of the same connection: see
   * first_rows.ts. Its own number unless who made it has said otherwise.
   */
  readonly firstOf: Uint32Array
  /** Those that the batch has; of fixed shape, as they are asked for with each row. */
  readonly #groups: { [G in GroupName]: Group | undefined } = {
    base: undefined,
    k8s: undefined,
    stitch: undefined,
    origin: undefined,
    carried: undefined,
  }
  #rows = 0

  /** @param capacity rows that fit, fixed for the batch's life */
  constructor(capacity: number) {
    this.capacity = capacity
    this.firstOf = new Uint32Array(capacity)
    this.base = this.add('base')
  }

  get rows(): number {
    return this.#rows
  }

  get full(): boolean {
    return this.#rows === this.capacity
  }

  /** Of all columns, for all rows that fit; texts are not counted. */
  get byteLength(): number {
    let bytes = 0
    for (const [group] of this.#all()) bytes += ROW_BYTES[group] * this.capacity
    return bytes
  }

  /** A new row, all columns 0. Throws a RangeError when the batch is full. */
  addRow(): number {
    if (this.full) throw new RangeError(`Cannot add a row as the batch is full: ${this.capacity}`)
    const row = this.#rows++
    this.firstOf[row] = row
    return row
  }

  /** Takes back the row that was added last; its cells are 0 again. */
  dropRow(): void {
    const row = --this.#rows
    for (const [group, { list }] of this.#all()) {
      for (const [i, { stride }] of PLANS[group].entries()) {
        list[i]?.fill(0, row * stride, (row + 1) * stride)
      }
    }
  }

  /**
   * Takes out rows, given in ascending order: the last of those that stay get their places, so it
   * costs what it takes to move as many rows as go.
   */
  removeRows(gone: ArrayLike<number>): void {
    const moves = movesFor(this.#rows, gone)
    this.#rows = moves.left
    for (const [group, { list }] of this.#all()) moveCells(list, PLANS[group], moves)
    const { firstOf } = this
    // Each is read before its place is written.
    copyFirsts(firstOf, moves.sources, { to: firstOf, at: 0 })
  }

  get k8s(): Columns<'k8s'> | undefined {
    return this.#groups.k8s?.columns as Columns<'k8s'> | undefined
  }

  get stitch(): Columns<'stitch'> | undefined {
    return this.#groups.stitch?.columns as Columns<'stitch'> | undefined
  }

  get origin(): Columns<'origin'> | undefined {
    return this.#groups.origin?.columns as Columns<'origin'> | undefined
  }

  get carried(): Columns<'carried'> | undefined {
    return this.#groups.carried?.columns as Columns<'carried'> | undefined
  }

  has(group: GroupName): boolean {
    return this.#groups[group] !== undefined
  }

  /** The group's columns, which are made (all 0) when the batch does not have them yet. */
  add<G extends GroupName>(group: G): Columns<G> {
    return this.#group(group).columns as unknown as Columns<G>
  }

  #all(): readonly (readonly [GroupName, Group])[] {
    const all: [GroupName, Group][] = []
    for (const name of GROUP_NAMES) {
      const group = this.#groups[name]
      if (group !== undefined) all.push([name, group])
    }
    return all
  }

  #group(name: GroupName): Group {
    let group = this.#groups[name]
    if (group === undefined) {
      group = SPARES[name].take(this.capacity) ?? allocate(PLANS[name], this.capacity)
      this.#groups[name] = group
    }
    return group
  }

  /** The string at `row` of a string column. */
  text(column: Uint32Array, row: number): string {
    return this.strings.at(column[row] as number)
  }

  /**
   * Copies a row of another batch with all its groups, and gives its index here. It is its own
   * first: `appendRows` knows of rows that are of one end.
   */
  append(source: FlowBatch, row: number): number {
    const target = this.addRow()
    for (const [group, { list: from }] of source.#all()) {
      const { list: to } = this.#group(group)
      for (const [i, { isText, stride }] of PLANS[group].entries()) {
        const a = from[i] as Column
        const b = to[i] as Column
        if (isText) {
          b[target] = this.strings.intern(source.strings.at(a[row] as number))
        } else if (stride === 1) {
          b[target] = a[row] as number
        } else {
          b.set(a.subarray(row * stride, (row + 1) * stride), target * stride)
        }
      }
    }
    return target
  }

  /**
   * Copies rows of another batch with all its groups, in the order given. As `append` for each, but
   * column by column, which is several times faster.
   * Throws a RangeError, and copies nothing, when they do not fit.
   */
  appendRows(source: FlowBatch, rows: ArrayLike<number>): void {
    if (this.#rows + rows.length > this.capacity) {
      throw new RangeError(`Cannot add ${rows.length} rows as the batch is full: ${this.capacity}`)
    }
    // Where the source's strings stand here; 0 until looked up (and for the empty string).
    const indexes = new Uint32Array(source.strings.size)
    for (const [group, { list: from }] of source.#all()) {
      const { list: to } = this.#group(group)
      const plans = PLANS[group]
      for (let i = 0; i < plans.length; i++) {
        const { isText, stride } = plans[i] as Plan
        const array = to[i] as Column
        copyRows(from[i] as Column, rows, { array, row: this.#rows, stride })
        if (isText) this.#reindex(array, rows.length, source.strings, indexes)
      }
    }
    copyFirsts(source.firstOf, rows, { to: this.firstOf, at: this.#rows })
    this.#rows += rows.length
  }

  /** The same of all rows. */
  appendAll(source: FlowBatch): void {
    this.appendRows(source, allOf(source.rows))
  }

  /** Turns the source's string indexes in the next `count` rows of a column into our own. */
  #reindex(column: Column, count: number, source: StringTable, indexes: Uint32Array): void {
    for (let at = this.#rows; at < this.#rows + count; at++) {
      const index = column[at] as number
      if (index !== 0 && indexes[index] === 0) {
        indexes[index] = this.strings.intern(source.at(index))
      }
      column[at] = indexes[index] as number
    }
  }

  /**
   * Gives the memory of all columns to batches to come. For the last who has the batch: it has no
   * rows from now on, and whoever kept a column of it would see another batch's.
   */
  recycle(): void {
    for (const [name, group] of this.#all()) {
      // They may have room for more: they may have been another batch's before.
      const [{ stride }] = PLANS[name] as readonly [Plan]
      const [first] = group.list as readonly [Column]
      const rows = first.length / stride
      SPARES[name].give(group, { buffer: first.buffer as ArrayBuffer, rows })
      this.#groups[name] = undefined
    }
    this.#rows = 0
  }

  /** A copy that shares nothing with this batch. */
  clone(): FlowBatch {
    const copy = new FlowBatch(Math.max(this.#rows, 1))
    copy.appendAll(this)
    return copy
  }
}

let indexes = new Uint32Array(0)

/** The numbers below `count`, good until the next call. */
function allOf(count: number): Uint32Array {
  if (indexes.length < count) indexes = Uint32Array.from({ length: count * 2 }, (_, row) => row)
  return indexes.subarray(0, count)
}

function rowBytes(plans: readonly Plan[]): number {
  return plans.reduce((sum, plan) => sum + plan.bytesPerElement * plan.stride, 0)
}

/**
 * `fromEntries` makes what V8 gives fast property access, the same for all batches. An object that
 * gets more than a dozen properties by computed names becomes a dictionary: each `base.x` of a row
 * was a lookup by name then, a fifth of what the stages behind the receiver cost (Node 26).
 */
function allocate(plans: readonly Plan[], capacity: number): Group {
  const buffer = new ArrayBuffer(rowBytes(plans) * capacity)
  const list: Column[] = []
  let offset = 0
  const columns = Object.fromEntries(
    plans.map(({ name, spec, stride, bytesPerElement }) => {
      const column = new CONSTRUCTORS[spec.type](buffer, offset, stride * capacity)
      offset += stride * capacity * bytesPerElement
      list.push(column)
      return [name, column]
    }),
  )
  return { columns, list }
}
