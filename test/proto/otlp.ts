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
