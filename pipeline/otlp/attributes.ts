/**
 * Encodes attributes: `KeyValue` of opentelemetry/proto/common/v1/common.proto.
 *
 *     message KeyValue { string key = 1;  AnyValue value = 2; }
 *     message AnyValue { oneof value {
 *       string string_value = 1;  bool bool_value = 2;  int64 int_value = 3;
 *       double double_value = 4;  ArrayValue array_value = 5;  KeyValueList kvlist_value = 6;
 *       bytes bytes_value = 7; } }
 */
import { FIXED64, LEN, tag, VARINT, WireWriter } from './wire.ts'

const KEY = tag(1, LEN)
const VALUE = tag(2, LEN)
const STRING_VALUE = tag(1, LEN)
const BOOL_VALUE = tag(2, VARINT)
const INT_VALUE = tag(3, VARINT)
const DOUBLE_VALUE = tag(4, FIXED64)
const ARRAY_VALUE = tag(5, LEN)
const ARRAY_ELEMENT = tag(1, LEN)

/** What an attribute made here can hold; `number` becomes int64 when whole, else a double. */
export type AttributeValue = string | number | boolean

/**
 * A KeyValue's content, without the tag of the field that will hold it: give it to a writer's
 * `attrEncoded` as often as wanted. For what repeats: a resource, a constant.
 */
export function encodeAttribute(key: string, value: AttributeValue): Uint8Array {
  const wire = new WireWriter(256)
  if (typeof value === 'string') writeString(wire, key, value)
  else if (typeof value === 'boolean') writeBool(wire, key, value)
  else if (Number.isSafeInteger(value)) writeInt(wire, key, value)
  else writeDouble(wire, key, value)
  return wire.take()
}

export function writeString(wire: WireWriter, key: string, value: string): void {
  wire.string(KEY, key)
  const start = wire.open(VALUE, 1)
  wire.string(STRING_VALUE, value)
  wire.close(start, 1)
}

/** An ArrayValue of strings. */
export function writeStrings(wire: WireWriter, key: string, values: readonly string[]): void {
  wire.string(KEY, key)
  const start = wire.open(VALUE, 1)
  const array = wire.open(ARRAY_VALUE, 1)
  for (const value of values) {
    const element = wire.open(ARRAY_ELEMENT, 1)
    wire.string(STRING_VALUE, value)
    wire.close(element, 1)
  }
  wire.close(array, 1)
  wire.close(start, 1)
}

export function writeInt(wire: WireWriter, key: string, value: number): void {
  wire.string(KEY, key)
  const start = wire.open(VALUE, 1)
  wire.int(INT_VALUE, value)
  wire.close(start, 1)
}

export function writeDouble(wire: WireWriter, key: string, value: number): void {
  wire.string(KEY, key)
  const start = wire.open(VALUE, 1)
  wire.double(DOUBLE_VALUE, value)
  wire.close(start, 1)
}

export function writeBool(wire: WireWriter, key: string, value: boolean): void {
  wire.string(KEY, key)
  const start = wire.open(VALUE, 1)
  wire.uint(BOOL_VALUE, value ? 1 : 0)
  wire.close(start, 1)
}

/**
 * What stands before the value in an attribute of this key, its lengths left open: for the
 * functions `write…Behind`, which copy it. Field and key must be such that each takes one byte.
 *
 *     field │ length │ KEY │ length │ key │ VALUE │ length │
 */
export function attributePrefix(field: number, key: string): Uint8Array {
  const wire = new WireWriter(128)
  wire.open(field, 1)
  wire.string(KEY, key)
  wire.open(VALUE, 1)
  return wire.take()
}

export function writeStringBehind(wire: WireWriter, prefix: Uint8Array, value: string): void {
  const start = wire.copy(prefix)
  wire.string(STRING_VALUE, value)
  wire.setLengths(start, prefix.length)
}

/** Begins the value of an attribute that is a string: see `open`, with a guess of 1. */
export function openString(wire: WireWriter): number {
  return wire.open(STRING_VALUE, 1)
}

export function writeIntBehind(wire: WireWriter, prefix: Uint8Array, value: number): void {
  const start = wire.copy(prefix)
  wire.int(INT_VALUE, value)
  wire.setLengths(start, prefix.length)
}

export function writeDoubleBehind(wire: WireWriter, prefix: Uint8Array, value: number): void {
  const start = wire.copy(prefix)
  wire.double(DOUBLE_VALUE, value)
  wire.setLengths(start, prefix.length)
}
