/** Flow batches with anything that a column can hold, and what they hold as plain values. */
import fc from 'fast-check'
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { COLUMN_GROUPS, type ColumnSpec } from '../../../../pipeline/flows/schema.ts'
import { encodeAttribute } from '../../../../pipeline/otlp/attributes.ts'
import { LEN, tag, WireWriter } from '../../../../pipeline/otlp/wire.ts'
import { type Cells, cells, GROUPS } from '../cells.ts'

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** Rows by column; what is all 0 is left out, so that a group without values is none. */
export function allCells(batch: FlowBatch): Cells[] {
  return Array.from({ length: batch.rows }, (_, row) =>
    Object.fromEntries(Object.entries(cells(batch, row)).filter(([, value]) => !isZero(value))),
  )
}

function isZero(value: number[] | string): boolean {
  return value === '' || [...value].every((each) => Object.is(each, 0))
}

/** A KeyValue as a field of a record (6) or a resource (1), a character a byte. */
export function carriedAttribute(field: number, key: string, value: string | number): string {
  const wire = new WireWriter()
  const content = encodeAttribute(key, value)
  wire.bytes(tag(field, LEN), content, { start: 0, end: content.length })
  return Buffer.from(wire.take()).toString('latin1')
}

const U32 = fc.oneof(
  fc.constantFrom(1, 127, 128, 16_384, 2 ** 31, 2 ** 32 - 1),
  fc.nat(2 ** 32 - 1),
)
const DOUBLE = fc.oneof(
  fc.constantFrom(-0, Number.NaN, 1, -1, 2 ** 53 - 1, 2 ** 53, 1e308, 0.1),
  fc.double(),
  fc.maxSafeInteger(),
)
const TEXT = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ minLength: 30, maxLength: 400 }),
)
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const ADDRESS = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [...MAPPED, ...bytes]),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => [...bytes]),
  fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }),
)

/** What a cell can hold; 0 more often than not, as in rows there are. */
function cellOf(name: string, spec: ColumnSpec): fc.Arbitrary<string | readonly number[]> {
  const numbers = (value: fc.Arbitrary<number>, count = 1) =>
    fc.array(value, { minLength: count, maxLength: count })
  const field = name === 'attributes' ? 6 : 1
  const values = {
    u8: () => numbers(fc.nat(255)),
    u16: () => numbers(fc.nat(65_535)),
    u32: () => numbers(U32),
    f64: () => numbers(DOUBLE),
    enum: () => numbers(fc.nat((spec.values?.length ?? 1) - 1)),
    flag: () => numbers(fc.nat(1)),
    string: () => TEXT,
    u64: () => numbers(U32, 2),
    time: () => numbers(U32, 2),
    id64: () => numbers(U32, 2),
    id128: () => numbers(U32, 4),
    address: () => ADDRESS,
    attributes: () =>
      fc
        .array(fc.tuple(fc.string({ maxLength: 5 }), TEXT), { minLength: 1, maxLength: 3 })
        .map((pairs) => pairs.map(([key, of]) => carriedAttribute(field, `x.${key}`, of)).join('')),
  }[spec.type]()
  return fc.oneof({ weight: 2, arbitrary: fc.constant([0]) }, { weight: 1, arbitrary: values })
}

const ROW = fc.tuple(
  ...GROUPS.flatMap((group) =>
    (Object.entries(COLUMN_GROUPS[group]) as [string, ColumnSpec][]).map(([name, spec]) =>
      cellOf(name, spec).map((value) => ({ group, name, value })),
    ),
  ),
)

/** Batches of some rows with the groups that it picks. */
export const BATCH: fc.Arbitrary<FlowBatch> = fc
  .tuple(fc.array(ROW, { minLength: 1, maxLength: 5 }), fc.subarray(GROUPS))
  .map(([rows, groups]) => {
    const batch = new FlowBatch(rows.length + 1)
    for (const row of rows) {
      const at = batch.addRow()
      for (const { group, name, value } of row) {
        if (group !== 'base' && !groups.includes(group)) continue
        const array = (batch.add(group) as unknown as Record<string, Column>)[name] as Column
        const stride = array.length / batch.capacity
        if (typeof value === 'string') array[at] = batch.strings.intern(value)
        else array.set(value, at * stride)
      }
    }
    return batch
  })
