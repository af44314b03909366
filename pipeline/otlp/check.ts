/**
 * Walks a request to its last byte before anything else sees it: what passes can be read by every
 * view, and by a backend that decodes all of it. Batches of many senders are merged into one
 * request, so without this one sender's broken message would cost the others theirs.
 *
 * Checked are lengths, varints, the wire type of each known field, the length of ids, and how deep
 * messages and values nest. As in the Collector's decoder texts need not be UTF-8, and unknown
 * fields are passed over.
 *
 * One loop over one table, without an object a field. All constants stand in this file, as imported
 * ones make the loop half again as slow (Node 26).
 */
import type { OtlpBatch } from './batch.ts'
import { DEPTH_MAX } from './json.ts'
import { type FieldSpec, type MessageSpec, REQUESTS, wireTypeOf } from './json_schema.ts'
import { VALUE_DEPTH_MAX } from './values.ts'
import { FIXED32, FIXED64, LEN, tag, VARINT } from './wire.ts'
import type { Malformed } from './wire_reader.ts'

type Signal = OtlpBatch['signal']

/** Of unknown fields: the wire type alone says where they end. */
const UNKNOWN = 0
const WRONG_TYPE = 1
const SKIP_VARINT = 2
const SKIP_64 = 3
const SKIP_32 = 4
const SKIP_BYTES = 5
const TRACE_ID = 6
const SPAN_ID = 7
const PACKED_VARINTS = 8
const PACKED_64 = 9
/** From here on: the message of number `action - MESSAGE`. */
const MESSAGE = 16

const TAGS = 256

/** Messages that are items: their field in what holds them. */
const ITEM_KEYS: ReadonlySet<string> = new Set(['spans', 'logRecords', 'dataPoints'])

/** Tags within a KeyValue and within its value. */
const KEY = tag(1, LEN)
const VALUE = tag(2, LEN)
const STRING = tag(1, LEN)
const BOOL = tag(2, VARINT)
const INT = tag(3, VARINT)
const DOUBLE = tag(4, FIXED64)

const TWO_32 = 4_294_967_296

interface Tables {
  readonly actions: Uint8Array
  /** By message: 1 for an item. */
  readonly items: Uint8Array
  /** The number of AnyValue, whose depth has a bound of its own. */
  readonly value: number
  /** The number of KeyValue, as an action. */
  readonly attribute: number
  readonly roots: { readonly [S in Signal]: number }
}

const TABLES = compile()

/** Where the messages end that the walk stands in, and which they are: no call leaves it used. */
const ends = new Float64Array(DEPTH_MAX + 2)
const messages = new Uint8Array(DEPTH_MAX + 2)

/** Spans, data points or log records in the request; why not, when its bytes are malformed. */
export function checkRequest(signal: Signal, bytes: Uint8Array): number | Malformed {
  const { actions, items: isItem, value, attribute, roots } = TABLES
  let message: number = roots[signal]
  let end = bytes.length
  let at = 0
  let depth = 0
  let values = 0
  let items = 0
  for (;;) {
    while (at === end) {
      if (depth === 0) return items
      if (message === value) values--
      depth--
      end = ends[depth] as number
      message = messages[depth] as number
    }
    const from = at
    let key = bytes[at++] as number
    if (key > 0x7f) {
      at = varintEnd(bytes, from, end)
      key = at < 0 ? TWO_32 : varintValue(bytes, from, at)
      if (key >= TWO_32) return malformed('tag is not a varint of 32 bits', from)
    }
    if (key < 8) return malformed('field number out of range', from)
    let action = key < TAGS ? (actions[message * TAGS + key] as number) : UNKNOWN
    if (action === UNKNOWN) action = actionOfUnknown(key & 7)
    if (action === WRONG_TYPE) {
      return malformed(`wire type ${key & 7} is wrong for field ${key >>> 3}`, from)
    }
    if (action === SKIP_VARINT) {
      if (at < end && (bytes[at] as number) < 0x80) at++
      else at = varintEnd(bytes, at, end)
      if (at < 0) return malformed('value is not a varint', from)
      continue
    }
    if (action === SKIP_64 || action === SKIP_32) {
      at += action === SKIP_64 ? 8 : 4
      if (at > end) return malformed('value reaches beyond the message', from)
      continue
    }
    if (at >= end) return malformed('length is not a varint', from)
    let length = bytes[at++] as number
    if (length > 0x7f) {
      const start = at - 1
      at = varintEnd(bytes, start, end)
      if (at < 0) return malformed('length is not a varint', from)
      length = varintValue(bytes, start, at)
    }
    if (length > end - at) return malformed('length reaches beyond the message', from)
    if (action === attribute && values === 0 && isPlainAttribute(bytes, at, at + length)) {
      at += length
      continue
    }
    if (action < MESSAGE) {
      const wrong = action === SKIP_BYTES ? undefined : wrongContent(bytes, at, { length, action })
      if (wrong !== undefined) return malformed(wrong, from)
      at += length
      continue
    }
    if (depth === DEPTH_MAX) return malformed(`messages nest deeper than ${DEPTH_MAX}`, from)
    ends[depth] = end
    messages[depth] = message
    depth++
    end = at + length
    message = action - MESSAGE
    if (isItem[message] === 1) items++
    if (message === value && values++ > VALUE_DEPTH_MAX) {
      return malformed(`values nest deeper than ${VALUE_DEPTH_MAX}`, from)
    }
  }
}

/**
 * Whether a KeyValue is what nearly all are: a short key and a short scalar, in either order. They
 * are most of a request, and this is twice as fast as the walk, which decides about all others.
 */
function isPlainAttribute(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 4) return false
  const firstLength = bytes[at + 1] as number
  const second = at + 2 + firstLength
  if (firstLength > 0x7f || second + 2 > end) return false
  const secondLength = bytes[second + 1] as number
  if (secondLength > 0x7f || second + 2 + secondLength !== end) return false
  const order = (bytes[at] as number) * TAGS + (bytes[second] as number)
  if (order === KEY * TAGS + VALUE) return isPlainValue(bytes, second + 2, end)
  return order === VALUE * TAGS + KEY && isPlainValue(bytes, at + 2, second)
}

function isPlainValue(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 2) return false
  switch (bytes[at]) {
    case STRING:
      return (bytes[at + 1] as number) < 0x80 && at + 2 + (bytes[at + 1] as number) === end
    case DOUBLE:
      return at + 9 === end
    case INT:
    case BOOL:
      return varintEnd(bytes, at + 1, end) === end
    default:
      return false
  }
}

function actionOfUnknown(wireType: number): number {
  if (wireType === VARINT) return SKIP_VARINT
  if (wireType === FIXED64) return SKIP_64
  if (wireType === FIXED32) return SKIP_32
  return wireType === LEN ? SKIP_BYTES : WRONG_TYPE
}

function malformed(reason: string, offset: number): Malformed {
  return { kind: 'malformed', reason, offset }
}

/** What is wrong with an id, or with packed numbers. */
function wrongContent(
  bytes: Uint8Array,
  at: number,
  { length, action }: { length: number; action: number },
): string | undefined {
  if (action === TRACE_ID) return idProblem('trace id', length, 16)
  if (action === SPAN_ID) return idProblem('span id', length, 8)
  if (action === PACKED_64) {
    return length % 8 === 0 ? undefined : 'element reaches beyond the packed field'
  }
  const end = at + length
  for (let next = at; next < end; ) {
    next = varintEnd(bytes, next, end)
    if (next < 0) return 'element reaches beyond the packed field'
  }
  return undefined
}

function idProblem(name: string, length: number, wanted: number): string | undefined {
  if (length === 0 || length === wanted) return undefined
  return `${name} has ${length} bytes, and must have ${wanted}`
}

/** Where the varint that begins at `at` ends; -1 when it does not, within ten bytes and `end`. */
function varintEnd(bytes: Uint8Array, at: number, end: number): number {
  const last = Math.min(at + 10, end)
  for (let next = at; next < last; next++) if ((bytes[next] as number) < 0x80) return next + 1
  return -1
}

/** Its value, rounded beyond 2^53: enough to tell whether it is too large. */
function varintValue(bytes: Uint8Array, at: number, end: number): number {
  let value = 0
  for (let next = end - 1; next >= at; next--)
    value = value * 128 + ((bytes[next] as number) & 0x7f)
  return value
}

/** Numbers all messages that requests are made of, and writes the actions of their tags. */
function compile(): Tables {
  const numbers = new Map<MessageSpec, number>()
  const items = new Set<number>()
  const rows: Uint8Array[] = []
  let value = -1
  let attribute = -1
  function numberOf(spec: MessageSpec): number {
    const known = numbers.get(spec)
    if (known !== undefined) return known
    const number = numbers.size
    numbers.set(spec, number)
    const row = new Uint8Array(TAGS)
    rows[number] = row
    for (const [fieldNumber, index] of spec.index) {
      const field = spec.fields[index] as FieldSpec
      if (field.key === 'stringValue') value = number
      if (field.key === 'key') attribute = number
      for (const wireType of [VARINT, FIXED64, LEN, FIXED32]) {
        row[tag(fieldNumber, wireType)] = actionOf(field, wireType)
      }
    }
    return number
  }
  function actionOf(field: FieldSpec, wireType: number): number {
    if (typeof field.type === 'function') {
      if (wireType !== LEN) return WRONG_TYPE
      const number = numberOf(field.type())
      if (ITEM_KEYS.has(field.key)) items.add(number)
      return MESSAGE + number
    }
    const own = wireTypeOf(field.type)
    if (wireType === own) return scalarAction(field)
    if (!field.repeated || wireType !== LEN) return WRONG_TYPE
    return own === VARINT ? PACKED_VARINTS : PACKED_64
  }
  const roots = {
    traces: numberOf(REQUESTS.traces),
    metrics: numberOf(REQUESTS.metrics),
    logs: numberOf(REQUESTS.logs),
  }
  const actions = new Uint8Array(rows.length * TAGS)
  for (const [number, row] of rows.entries()) actions.set(row, number * TAGS)
  const isItem = Uint8Array.from(rows, (_, i) => Number(items.has(i)))
  return { actions, items: isItem, value, attribute: MESSAGE + attribute, roots }
}

function scalarAction({ key, type }: FieldSpec): number {
  if (type === 'hex') return key === 'traceId' ? TRACE_ID : SPAN_ID
  const wireType = wireTypeOf(type as Exclude<FieldSpec['type'], () => MessageSpec>)
  if (wireType === VARINT) return SKIP_VARINT
  if (wireType === FIXED64) return SKIP_64
  return wireType === FIXED32 ? SKIP_32 : SKIP_BYTES
}
