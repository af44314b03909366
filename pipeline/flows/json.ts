/**
 * Flow rows as JSON, one object a line: the flow log.
 *
 * The keys are the columns' names and come from the schema's table, but for five that a reader of
 * logs wants put together: `src` and `dst` ("ip:port", "[v6]:port"), `bytes` (sent and received, or
 * request and response), `latency_ms` (the connection's smoothed round-trip time, or the
 * exchange's duration) and `start`, `end` (RFC 3339 with nanoseconds). A value that is not known
 * has no key.
 */
import { attributesJson } from '../otlp/attributes_json.ts'
import { hex32, hex64, rfc3339, toNumber } from '../u64.ts'
import { addressInUrl } from './address_text.ts'
import type { Columns, FlowBatch } from './batch.ts'
import { COLUMN_GROUPS, type ColumnSpec, type ColumnType, type GroupName, KIND } from './schema.ts'

/** The JSON text of a row's value, or '' when there is none. */
type Read = (row: number) => string

interface Key {
  /** `"key":` */
  readonly text: string
  /** The kind of row it has a meaning for; -1 for all. */
  readonly kind: number
  readonly read: Read
}

/** A function that gives the line of each row of the batch, without a line break. */
export function flowLog(batch: FlowBatch): (row: number) => string {
  const keys: Key[] = []
  for (const group of Object.keys(COLUMN_GROUPS) as GroupName[]) {
    if (batch.has(group)) keys.push(...groupKeys(batch, group))
  }
  const { kind } = batch.base
  return (row) => {
    let out = ''
    for (const key of keys) {
      if (key.kind !== -1 && key.kind !== kind[row]) continue
      const value = key.read(row)
      if (value !== '') out += (out === '' ? '' : ',') + key.text + value
    }
    return `{${out}}`
  }
}

function groupKeys(batch: FlowBatch, group: GroupName): Key[] {
  const columns = batch.add(group) as Record<string, Column>
  const keys: Key[] = []
  for (const [name, spec] of Object.entries(COLUMN_GROUPS[group]) as [string, ColumnSpec][]) {
    const kind = spec.rows === 'all' ? -1 : KIND[spec.rows]
    if (spec.type === 'address') {
      const end = name.replace('_address', '')
      keys.push(key(end, { kind, read: endpoint(batch.base, end as 'src' | 'dst') }))
    } else if (name !== 'src_port' && name !== 'dst_port') {
      keys.push(key(name, { kind, read: reader(batch, columns[name] as Column, spec) }))
    }
    if (name === 'end') keys.push(...derived(batch.base))
  }
  return keys
}

function key(name: string, rest: Omit<Key, 'text'>): Key {
  return { text: `${JSON.stringify(name)}:`, ...rest }
}

function endpoint(base: Columns<'base'>, end: 'src' | 'dst'): Read {
  const address = base[`${end}_address`]
  const port = base[`${end}_port`]
  return (row) => `"${addressInUrl(address, row)}:${port[row]}"`
}

function derived(base: Columns<'base'>): Key[] {
  const exchange = (row: number) => base.kind[row] === KIND.exchange
  const bytes: Read = (row) => {
    if (exchange(row)) return sum(base.request_bytes[row], base.response_bytes[row])
    if (base.kind[row] !== KIND.connection) return ''
    return sum(base.bytes_sent[row], base.bytes_received[row])
  }
  const latency: Read = (row) => {
    const us = (exchange(row) ? base.duration_us[row] : base.srtt_us[row]) as number
    return us > 0 ? String(us / 1000) : ''
  }
  return [key('bytes', { kind: -1, read: bytes }), key('latency_ms', { kind: -1, read: latency })]
}

function sum(a: number | undefined, b: number | undefined): string {
  const total = (a as number) + (b as number)
  return Number.isFinite(total) ? String(total) : ''
}

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

type Reader = (column: Column, row: number, batch: FlowBatch) => string

/** How a value of each type is written; '' for what is absent wherever 0 means that. */
const READERS: { readonly [T in Exclude<ColumnType, 'address' | 'enum'>]: Reader } = {
  u8: number,
  u16: number,
  u32: number,
  f64: number,
  flag: (column, row) => (column[row] === 0 ? '' : 'true'),
  string: (column, row, batch) => {
    const text = batch.strings.at(column[row] as number)
    return text === '' ? '' : JSON.stringify(text)
  },
  attributes: (column, row, batch) => attributesJson(batch.strings.at(column[row] as number)),
  u64: (column, row) => u64Text(column[row * 2] as number, column[row * 2 + 1] as number),
  time: (column, row) => {
    const [lo, hi] = [column[row * 2] as number, column[row * 2 + 1] as number]
    return lo === 0 && hi === 0 ? '' : `"${rfc3339(lo, hi)}"`
  },
  id64: (column, row) => {
    const [lo, hi] = [column[row * 2] as number, column[row * 2 + 1] as number]
    return lo === 0 && hi === 0 ? '' : `"${hex64(lo, hi)}"`
  },
  id128: (column, row) => {
    let text = ''
    for (let word = 3; word >= 0; word--) text += hex32(column[row * 4 + word] as number)
    return /^0*$/.test(text) ? '' : `"${text}"`
  },
}

function reader(batch: FlowBatch, column: Column, spec: ColumnSpec): Read {
  const keepsZero = spec.absent === 'never'
  if (spec.type === 'enum') {
    const names = (spec.values ?? []).map((name) => JSON.stringify(name))
    return (row) => (column[row] !== 0 || keepsZero ? (names[column[row] as number] ?? '') : '')
  }
  const read = READERS[spec.type as keyof typeof READERS]
  return (row) => {
    const text = read(column, row, batch)
    return text === '0' && !keepsZero ? '' : text
  }
}

/** JSON has no NaN: a number that is not known has no text. */
function number(column: Column, row: number): string {
  const value = column[row] as number
  return Number.isFinite(value) ? String(value) : ''
}

function u64Text(lo: number, hi: number): string {
  const value = toNumber(lo, hi)
  return Number.isSafeInteger(value) ? String(value) : String((BigInt(hi) << 32n) | BigInt(lo))
}
