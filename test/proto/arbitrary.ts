/** Random messages of OTLP, made from the official definitions, for property tests. */
import fc from 'fast-check'
import protobuf from 'protobufjs'

type Plain = Record<string, unknown>

/** Levels of messages; deeper ones are left out. A request's own take ten. */
const DEPTH = 13

const SCALARS: Record<string, fc.Arbitrary<unknown>> = {
  string: fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 200 })),
  bytes: fc.uint8Array({ maxLength: 20 }),
  bool: fc.boolean(),
  double: fc.double(),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  sfixed64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  fixed64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fixed32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  sint32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
}

/**
 * A message of `type` as plain objects. Fields named `…Strindex` are left out: they refer to the
 * string table of the profiles signal and mean nothing in a trace, metric or log request.
 */
export function arbitraryMessage(type: protobuf.Type, depth = 0): fc.Arbitrary<Plain> {
  const optional: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of type.fieldsArray) {
    if (field.name.endsWith('Strindex') || inChosenOneof(field)) continue
    const value = fieldValue(field, depth)
    if (value !== undefined) optional[field.name] = value
  }
  const plain = fc.record(optional, { requiredKeys: [] }) as fc.Arbitrary<Plain>
  const choices = type.oneofsArray
    .filter((oneof) => oneof.fieldsArray.length > 1)
    .map((oneof) => oneofMember(oneof, depth))
  return fc.tuple(plain, ...choices).map((parts) => Object.assign({}, ...parts) as Plain)
}

function inChosenOneof(field: protobuf.Field): boolean {
  return field.partOf !== null && field.partOf.fieldsArray.length > 1
}

function oneofMember(oneof: protobuf.OneOf, depth: number): fc.Arbitrary<Plain> {
  const members: fc.Arbitrary<Plain>[] = [fc.constant({})]
  for (const field of oneof.fieldsArray) {
    const value = field.name.endsWith('Strindex') ? undefined : fieldValue(field, depth)
    if (value !== undefined) members.push(value.map((v) => ({ [field.name]: v })))
  }
  return fc.oneof(...members)
}

function fieldValue(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> | undefined {
  const one = singleValue(field.resolve(), depth)
  if (one === undefined || !field.repeated) return one
  return fc.array(one, { minLength: 1, maxLength: 3 })
}

function singleValue(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> | undefined {
  const { resolvedType } = field
  if (resolvedType instanceof protobuf.Enum) {
    return fc.constantFrom(...Object.values(resolvedType.values))
  }
  if (resolvedType instanceof protobuf.Type) {
    return depth < DEPTH ? arbitraryMessage(resolvedType, depth + 1) : undefined
  }
  return SCALARS[field.type]
}

const ID_BYTES: Readonly<Record<string, number>> = { traceId: 16, spanId: 8, parentSpanId: 8 }

/** The same message with every id as long as ids are, or empty. */
export function withWholeIds(value: unknown, key = ''): unknown {
  if (value instanceof Uint8Array) {
    const length = ID_BYTES[key]
    if (length === undefined || value.length === 0) return value
    return Uint8Array.from({ length }, (_, i) => value[i % value.length] as number)
  }
  if (Array.isArray(value)) return value.map((v) => withWholeIds(v, key))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withWholeIds(v, k)]))
}
