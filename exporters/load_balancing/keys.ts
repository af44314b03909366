/** What an item's owner is told by, for each `routing_key`. */
import { keyOf } from '../../pipeline/flows/otlp/mapping.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { AttributesView } from '../../pipeline/otlp/values.ts'
import { LEN } from '../../pipeline/otlp/wire.ts'
import { FieldReader, type WireSource } from '../../pipeline/otlp/wire_reader.ts'
import type { DivisionSettings, OwnerOf } from './division.ts'
import { hashOf, type Rendezvous } from './rendezvous.ts'

export const ROUTING_KEYS = ['traceID', 'service', 'resource', 'flow_id', 'cause'] as const
export type RoutingKey = (typeof ROUTING_KEYS)[number]

/** Which can be used for a signal; the first is the default. */
export const KEYS_OF = {
  traces: ['traceID', 'service', 'resource'],
  logs: ['service', 'traceID', 'resource'],
  metrics: ['service', 'resource'],
  flows: ['flow_id', 'cause'],
} as const

const LOG_ATTRIBUTES = 6
const FLOW_ID = Buffer.from(keyOf('flow_id'))
const CAUSE_FLOW_ID = Buffer.from(keyOf('cause_flow_id'))

/** Span.trace_id and LogRecord.trace_id. */
const TRACE_ID = { traces: 1, logs: 9, metrics: 0 } as const

export function divisionBy(
  key: RoutingKey,
  { signal, owners }: { signal: OtlpBatch['signal']; owners: Rendezvous },
): DivisionSettings {
  switch (key) {
    case 'service':
      return { by: 'resource', ownerOf: byService(owners) }
    case 'resource':
      return { by: 'resource', ownerOf: byResource(owners) }
    case 'traceID':
      return { by: 'item', ownerOf: byField(TRACE_ID[signal], owners) }
    case 'flow_id':
      return { by: 'item', ownerOf: byAttribute(owners, [FLOW_ID]) }
    case 'cause':
      return { by: 'item', ownerOf: byAttribute(owners, [CAUSE_FLOW_ID, FLOW_ID]) }
  }
}

/** By the bytes of a field of the item; the last counts, and none is a key like any other. */
function byField(field: number, owners: Rendezvous): OwnerOf {
  let fields: FieldReader | undefined
  let of: WireSource | undefined
  return (source, start, end) => {
    if (of !== source || fields === undefined) {
      of = source
      fields = new FieldReader(source)
    }
    let from = 0
    let to = 0
    fields.reset(start, end)
    while (fields.next()) {
      if (fields.field !== field || fields.wireType !== LEN) continue
      from = fields.start
      to = fields.end
    }
    return owners.ownerOf(hashOf(source.bytes, from, to))
  }
}

/** By the first of the attributes of a log record that it has; a row without any is as one. */
function byAttribute(owners: Rendezvous, keys: readonly Buffer[]): OwnerOf {
  let fields: FieldReader | undefined
  let pair: FieldReader | undefined
  let of: WireSource | undefined
  return (source, start, end) => {
    if (of !== source || fields === undefined || pair === undefined) {
      of = source
      fields = new FieldReader(source)
      pair = new FieldReader(source)
    }
    let best = keys.length
    let key = 0
    fields.reset(start, end)
    while (best > 0 && fields.nextMessage(LOG_ATTRIBUTES)) {
      const found = attributeIn(pair, fields, { source, keys })
      if (found < 0 || found >= best) continue
      best = found
      key = hashOf(source.bytes, valueStart, valueEnd)
    }
    return owners.ownerOf(key)
  }
}

/** Where the value of the attribute that was looked at stands. */
let valueStart = 0
let valueEnd = 0

/** Which of the keys an attribute has, or -1. */
function attributeIn(
  pair: FieldReader,
  range: { readonly start: number; readonly end: number },
  { source, keys }: { source: WireSource; keys: readonly Buffer[] },
): number {
  let found = -1
  pair.reset(range.start, range.end)
  while (pair.next()) {
    const { start, end } = pair
    if (pair.field === 1) {
      found = keys.findIndex((key) => source.bytes.compare(key, 0, key.length, start, end) === 0)
    } else if (pair.field === 2) {
      valueStart = start
      valueEnd = end
    }
  }
  return found
}

/** By the resource's attribute `service.name`. */
function byService(owners: Rendezvous): OwnerOf {
  return (source, start, end) => {
    const attributes = new AttributesView(source)
    let name = ''
    forResource(source, { start, end }, (range) => {
      attributes.over(range, 1)
      while (attributes.next()) {
        if (attributes.key === 'service.name') name = String(attributes.value ?? '')
      }
    })
    return owners.ownerOf(hashOf(Buffer.from(name)))
  }
}

/** By the resource as it was written: its attributes and their order. */
function byResource(owners: Rendezvous): OwnerOf {
  return (source, start, end) => {
    let key = 0
    forResource(source, { start, end }, (range) => {
      key = hashOf(source.bytes, range.start, range.end)
    })
    return owners.ownerOf(key)
  }
}

function forResource(
  source: WireSource,
  { start, end }: { start: number; end: number },
  look: (range: { start: number; end: number }) => void,
): void {
  const fields = new FieldReader(source)
  fields.reset(start, end)
  while (fields.nextMessage(1)) look(fields)
}
