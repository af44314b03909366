/**
 * What requests and responses look like, by messages.gen.ts:
 *
 *     1 Fetch 0-18 12                 key, name, versions that this describes, first flexible one
 *       > 4 4w [st@0-12 uT@13+ [4p]]  the request's fields, in order
 *       < 4@1+ 2e@7+                  the response's, as far as they mean something to us
 *
 *     1 2 4 8       bytes of a number            s  text         b  bytes       u  uuid
 *     [ … ]         array of structures          ( )  array of one field
 *     { … }  ?{ … }  structure, one that may be null
 *     @7+  @0-12    only in these versions
 *
 * A letter behind a field says what it means: `t` topic, `T` its id, `p` partition, `r` records,
 * `g` group, `a` acks, `w` how long the server may wait, `i` and `n` id and epoch of a fetch
 * session, `e` error; `!` before an array: of what is fetched no more.
 *
 * Texts and arrays are prefixed with their length. In flexible versions (KIP-482) that is a varint,
 * and every structure ends with fields that carry a tag, which is all that is skipped of those.
 */
import { MESSAGES } from './messages.gen.ts'

/** What a field is, and `size` its bytes where it is a number or a uuid. */
export type Kind = 'fixed' | 'text' | 'bytes' | 'array' | 'list' | 'struct' | 'nullable'

/** A field, of one version of a message. */
export interface Op {
  readonly kind: Kind
  readonly size: number
  /** The letter, or ''. */
  readonly mark: string
  /** Of a structure, and of what an array holds. */
  readonly ops: readonly Op[]
  /** An array of topics, or of partitions: its length tells their number. */
  readonly holds: '' | 't' | 'p'
  readonly isForgotten: boolean
}

export interface Shape {
  readonly isFlexible: boolean
  readonly ops: readonly Op[]
}

export interface Api {
  readonly key: number
  readonly name: string
  /** The newest version that is described. */
  readonly versionMax: number
  /** Versions from here on are flexible; Infinity: none. */
  readonly flexibleFrom: number
  /** Its requests name topics. */
  readonly hasTopics: boolean
}

interface Described {
  readonly from: number
  readonly to: number
  readonly request: readonly Field[]
  readonly response: readonly Field[]
}

/** A field of all versions. */
interface Field extends Omit<Op, 'ops'> {
  readonly from: number
  readonly to: number
  readonly fields: readonly Field[]
}

export const API_VERSIONS = 18
const API_KEYS = 128
const VERSIONS = 32
const TOKEN = /\?\{|[[\](){}!]|@\d+(?:\+|-\d+)?|[^\s[\](){}!?@]+/g

const GROUPS: Readonly<Record<string, readonly [Kind, string]>> = {
  '[': ['array', ']'],
  '(': ['list', ')'],
  '{': ['struct', '}'],
  '?{': ['nullable', '}'],
}
const SCALARS: Readonly<Record<string, readonly [Kind, number]>> = {
  1: ['fixed', 1],
  2: ['fixed', 2],
  4: ['fixed', 4],
  8: ['fixed', 8],
  u: ['fixed', 16],
  s: ['text', 0],
  b: ['bytes', 0],
}

const apis = new Map<number, Api>()
const described = new Map<number, Described[]>()
/** Made when they are first met: a process sees a few dozens of them. */
const shapes = new Map<number, Shape>()
readAll(MESSAGES)

export function apiOf(key: number): Api | undefined {
  return apis.get(key)
}

/** undefined: a version that is not described. */
export function shapeOf(
  key: number,
  version: number,
  what: 'request' | 'response',
): Shape | undefined {
  const id = (key * VERSIONS + version) * 2 + (what === 'request' ? 0 : 1)
  const known = shapes.get(id)
  if (known !== undefined) return known
  if (!(key >= 0 && key < API_KEYS && version >= 0 && version < VERSIONS)) return undefined
  const of = described.get(key)?.find(({ from, to }) => version >= from && version <= to)
  if (of === undefined) return undefined
  const isFlexible = version >= (apis.get(key) as Api).flexibleFrom
  const shape = { isFlexible, ops: opsOf(of[what], version) }
  shapes.set(id, shape)
  return shape
}

function opsOf(fields: readonly Field[], version: number): Op[] {
  return fields
    .filter(({ from, to }) => version >= from && version <= to)
    .map(({ from, to, fields: inner, ...rest }) => {
      const ops = opsOf(inner, version)
      return { ...rest, ops, holds: holdsOf(ops) }
    })
}

function holdsOf(ops: readonly Op[]): Op['holds'] {
  const marks = ops.map(({ mark }) => mark)
  if (marks.includes('t') || marks.includes('T')) return 't'
  return marks.includes('p') ? 'p' : ''
}

function readAll(text: string): void {
  // A line that begins with a number begins a message; the others go on with the one before.
  for (const block of text.trim().split(/\n(?=\d)/)) {
    const [head = '', rest = ''] = block.split('  > ', 2)
    const [request = '', response = ''] = rest.split('  < ', 2)
    const [key, name, versions, flexible] = head.trim().split(' ') as [
      string,
      string,
      string,
      string?,
    ]
    const [from, to] = versions.split('-').map(Number) as [number, number]
    const flexibleFrom = flexible === undefined ? Number.POSITIVE_INFINITY : Number(flexible)
    const hasTopics = /t|T/.test(request)
    apis.set(+key, { key: +key, name, versionMax: to, flexibleFrom, hasTopics })
    const all = described.get(+key) ?? []
    all.push({ from, to, request: fieldsOf(request), response: fieldsOf(response) })
    described.set(+key, all)
  }
}

function fieldsOf(text: string): Field[] {
  return fieldsUntil(
    Array.from(text.matchAll(TOKEN), ([token]) => token),
    '',
  )
}

/** Takes tokens up to the bracket that closes, and that one. */
function fieldsUntil(tokens: string[], close: string): Field[] {
  const fields: Field[] = []
  for (let token = tokens.shift(); token !== undefined && token !== close; token = tokens.shift()) {
    const isForgotten = token === '!'
    const opening = isForgotten ? (tokens.shift() as string) : token
    fields.push({ ...fieldOf(opening, tokens), isForgotten, ...rangeOf(tokens) })
  }
  return fields
}

function fieldOf(token: string, tokens: string[]): Omit<Field, 'from' | 'to' | 'isForgotten'> {
  const group = GROUPS[token]
  if (group !== undefined) {
    const [kind, close] = group
    return { kind, size: 0, mark: '', holds: '', fields: fieldsUntil(tokens, close) }
  }
  const [kind, size] = SCALARS[token[0] as string] as readonly [Kind, number]
  return { kind, size, mark: token.slice(1), holds: '', fields: [] }
}

function rangeOf(tokens: string[]): { from: number; to: number } {
  const [next = ''] = tokens
  if (!next.startsWith('@')) return { from: 0, to: Number.POSITIVE_INFINITY }
  tokens.shift()
  const [from, to = from] = next.slice(1).split(/[+-]/) as [string, string?]
  return { from: Number(from), to: next.endsWith('+') ? Number.POSITIVE_INFINITY : Number(to) }
}
