/**
 * OTLP/JSON from OTLP's wire bytes: ids in hexadecimal digits, lowerCamelCase keys, enums as
 * numbers, 64-bit integers as strings, NaN and the infinities as strings; what is not on the wire
 * is not in the text. Unknown fields are left out.
 *
 * The text of a message is put together from the text of its fields, without objects in between.
 */
import type { OtlpBatch } from './batch.ts'
import {
  type FieldSpec,
  type MessageSpec,
  REQUESTS,
  type ScalarType,
  wireTypeOf,
} from './json_schema.ts'
import { LEN } from './wire.ts'
import { FieldReader, type Malformed, WireSource } from './wire_reader.ts'

/** Levels of messages; what nests deeper is malformed. A request's own messages take ten. */
export const DEPTH_MAX = 100

/** One line of JSON without a line break; why not, when the bytes are malformed. */
export function toJson(signal: OtlpBatch['signal'], bytes: Uint8Array): string | Malformed {
  const source = new WireSource(bytes)
  const text = messageText(source, REQUESTS[signal], { start: 0, end: bytes.length, depth: 0 })
  return source.fault ?? text
}

interface At {
  readonly start: number
  readonly end: number
  readonly depth: number
}

function messageText(source: WireSource, spec: MessageSpec, at: At): string {
  if (at.depth > DEPTH_MAX) {
    const reason = `messages nest deeper than ${DEPTH_MAX}`
    source.fault ??= { kind: 'malformed', reason, offset: at.start }
    return ''
  }
  const reader = new FieldReader(source)
  reader.reset(at.start, at.end)
  const parts: (string | undefined)[] = []
  while (reader.next()) {
    const index = spec.index.get(reader.field)
    if (index === undefined) continue
    const field = spec.fields[index] as FieldSpec
    const text = fieldText(source, field, { reader, depth: at.depth })
    if (text === undefined) continue
    if (field.repeated && parts[index] !== undefined && text !== '') parts[index] += `,${text}`
    else if (!field.repeated || parts[index] === undefined) parts[index] = text
    if (field.oneof) dropOthers(spec, parts, index)
  }
  return joined(spec, parts)
}

function joined(spec: MessageSpec, parts: readonly (string | undefined)[]): string {
  let out = ''
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === undefined) continue
    const { key, repeated } = spec.fields[i] as FieldSpec
    out += `${out === '' ? '' : ','}"${key}":${repeated ? `[${parts[i]}]` : parts[i]}`
  }
  return `{${out}}`
}

function dropOthers(spec: MessageSpec, parts: (string | undefined)[], kept: number): void {
  for (let i = 0; i < parts.length; i++) {
    if (i !== kept && spec.fields[i]?.oneof) parts[i] = undefined
  }
}

/** The text of a field, of several elements when it is packed; undefined when passed over. */
function fieldText(
  source: WireSource,
  field: FieldSpec,
  at: { reader: FieldReader; depth: number },
): string | undefined {
  const { reader, depth } = at
  if (typeof field.type === 'function') {
    if (reader.wireType !== LEN) return undefined
    const range = { start: reader.start, end: reader.end, depth: depth + 1 }
    return messageText(source, field.type(), range)
  }
  if (reader.wireType === wireTypeOf(field.type)) return scalarText(source, field.type, reader)
  if (!field.repeated || reader.wireType !== LEN) return undefined
  return packedText(source, field.type, reader)
}

function packedText(source: WireSource, type: ScalarType, reader: FieldReader): string | undefined {
  const element = new FieldReader(source)
  element.reset(reader.start, reader.end)
  const texts: string[] = []
  while (element.nextPacked(wireTypeOf(type))) texts.push(scalarText(source, type, element))
  return texts.join(',')
}

function scalarText(source: WireSource, type: ScalarType, at: FieldReader): string {
  switch (type) {
    case 'string':
      return JSON.stringify(source.text(at.start, at.end))
    case 'hex':
      return `"${source.hex(at.start, at.end)}"`
    case 'base64':
      return `"${source.bytes.toString('base64', at.start, at.end)}"`
    case 'bool':
      return at.lo !== 0 || at.hi !== 0 ? 'true' : 'false'
    case 'double':
      return doubleText(at.double)
    case 'i64':
    case 's64':
      return `"${signedText(at)}"`
    case 'u64':
    case 'x64':
      return `"${unsignedText(at)}"`
    case 's32':
      return String((at.lo >>> 1) ^ -(at.lo & 1))
    case 'enum':
      return String(at.lo | 0)
    case 'u32':
    case 'x32':
      return String(at.lo)
  }
}

function doubleText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  return `"${value}"`
}

function unsignedText(at: FieldReader): string {
  const { number } = at
  if (Number.isSafeInteger(number)) return String(number)
  return String((BigInt(at.hi) << 32n) | BigInt(at.lo))
}

function signedText(at: FieldReader): string {
  const { signed } = at
  if (Number.isSafeInteger(signed)) return String(signed)
  return String(BigInt.asIntN(64, (BigInt(at.hi) << 32n) | BigInt(at.lo)))
}
