/** The tests' oracle for OTLP bytes: protobufjs with the official message definitions. */
import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'

type Signal = OtlpBatch['signal']

const root = protobuf.Root.fromJSON(
  JSON.parse(readFileSync(new URL('otlp.json', import.meta.url), 'utf8')),
)

const COLLECTOR = 'opentelemetry.proto.collector'
const SERVICES = { traces: 'trace.v1.Trace', metrics: 'metrics.v1.Metrics', logs: 'logs.v1.Logs' }

/** The type `Export<Signal>ServiceRequest`. */
export function requestType(signal: Signal): protobuf.Type {
  const [name, version, service] = SERVICES[signal].split('.')
  return root.lookupType(`${COLLECTOR}.${name}.${version}.Export${service}ServiceRequest`)
}

/** The type `Export<Signal>ServiceResponse`. */
export function responseType(signal: Signal): protobuf.Type {
  const [name, version, service] = SERVICES[signal].split('.')
  return root.lookupType(`${COLLECTOR}.${name}.${version}.Export${service}ServiceResponse`)
}

/** Any message of OTLP by its name below `opentelemetry.proto`, such as `trace.v1.Span`. */
export function messageType(name: string): protobuf.Type {
  return root.lookupType(`opentelemetry.proto.${name}`)
}

/**
 * A request as plain objects: 64-bit numbers as decimal strings, enums as numbers, bytes as
 * hexadecimal text, absent fields absent.
 */
// biome-ignore lint/suspicious/noExplicitAny: a test walks into it, and fails where it errs
export function decode(batch: OtlpBatch): any {
  const type = requestType(batch.signal)
  return hexed(type.toObject(type.decode(batch.bytes), { longs: String }))
}

/** A request from plain objects, as `fromObject` takes them. */
export function encode(signal: Signal, request: Record<string, unknown>): OtlpBatch {
  const type = requestType(signal)
  const bytes = type.encode(type.fromObject(request)).finish()
  return { signal, bytes: Uint8Array.from(bytes), items: 0 }
}

function hexed(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(hexed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, hexed(v)]))
}

/**
 * The same message with the fields of every level in the opposite order, as the Collector writes
 * them (repeated fields keep theirs).
 */
export function descending(type: protobuf.Type, bytes: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(bytes)
  const parts = new Map<number, Uint8Array[]>()
  while (reader.pos < reader.len) {
    const from = reader.pos
    const tag = reader.uint32()
    const valueAt = reader.pos
    reader.skipType(tag & 7, 0)
    const field = type.fieldsById[tag >>> 3]?.resolve()
    let part = bytes.subarray(from, reader.pos)
    if (field?.resolvedType instanceof protobuf.Type) {
      const inner = protobuf.Reader.create(bytes.subarray(valueAt)).bytes()
      const writer = protobuf.Writer.create().uint32(tag)
      part = writer.bytes(descending(field.resolvedType, inner)).finish()
    }
    parts.set(tag >>> 3, [...(parts.get(tag >>> 3) ?? []), part])
  }
  const fields = [...parts.keys()].sort((a, b) => b - a)
  return Uint8Array.from(Buffer.concat(fields.flatMap((field) => parts.get(field) ?? [])))
}
