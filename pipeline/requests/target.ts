/**
 * What a row tells of a request target: path and query, and never a credential by default.
 *
 * RFC 9112 §3.2: origin-form `/path?query`, absolute-form `http://host/path` (to a proxy),
 * authority-form `host:port` (CONNECT), asterisk-form `*`.
 */

import { Places } from './places.ts'
import { MadeOf } from './texts.ts'

export type QueryPolicy = 'redact' | 'drop' | 'keep'

/** What is kept of a target, at most. */
export const TARGET_BYTES_MAX = 4096

const SLASH = 47
const HASH = 35
const QUESTION_MARK = 63
const AMPERSAND = 38
const EQUALS = 61

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i

const REDACTED = Buffer.from('REDACTED')
/** For a query whose values are redacted: one of parts of one byte grows the most. */
const scratch = Buffer.alloc(TARGET_BYTES_MAX * (REDACTED.length + 1))
const copied = Buffer.alloc(TARGET_BYTES_MAX)

/**
 * Path and query of `target`. With `redact`, names in the query stay and values go; a part without
 * `=` may be a value, and goes too. A fragment has no business in a target, and goes.
 */
export function pathOf(target: string, policy: QueryPolicy): string {
  const whole = target.charCodeAt(0) === SLASH ? target : withoutAuthority(target)
  const hash = whole.indexOf('#')
  const path = hash < 0 ? whole : whole.slice(0, hash)
  const query = policy === 'keep' ? -1 : path.indexOf('?')
  if (query < 0) return path
  if (policy === 'drop') return path.slice(0, query)
  return redacted(copied, 0, query + 1, copied.write(path, 'latin1'))
}

/** The same of bytes that begin with a slash. */
function pathOfBytes(bytes: Buffer, at: number, to: number, policy: QueryPolicy): string {
  let end = at
  let query = to
  for (; end < to && bytes[end] !== HASH; end++) {
    if (query === to && bytes[end] === QUESTION_MARK) query = end
  }
  if (policy === 'keep' || query === to) return bytes.toString('latin1', at, end)
  if (policy === 'drop') return bytes.toString('latin1', at, query)
  return redacted(bytes, at, query + 1, end)
}

/** `bytes[at … to)`, whose query begins at `query`, behind its `?`. */
function redacted(bytes: Buffer, at: number, query: number, to: number): string {
  let length = 0
  for (let i = at; i < query; i++) scratch[length++] = bytes[i] as number
  let part = length
  let isValue = false
  for (let i = query; i <= to; i++) {
    const byte = i === to ? AMPERSAND : (bytes[i] as number)
    if (byte === AMPERSAND) {
      if (!isValue && length > part) length = putRedacted(part)
      if (i === to) break
      scratch[length++] = AMPERSAND
      part = length
      isValue = false
    } else if (!isValue) {
      scratch[length++] = byte
      isValue = byte === EQUALS
      if (isValue) length = putRedacted(length)
    }
  }
  return scratch.toString('latin1', 0, length)
}

function putRedacted(at: number): number {
  for (let i = 0; i < REDACTED.length; i++) scratch[at + i] = REDACTED[i] as number
  return at + REDACTED.length
}

const MADE = {
  redact: new MadeOf((target) => pathOf(target, 'redact')),
  drop: new MadeOf((target) => pathOf(target, 'drop')),
  keep: new MadeOf((target) => pathOf(target, 'keep')),
}

/** As pathOf(), of a target that may come again: `place` as placeOf() has it, or -1. */
export function pathAt(place: number, target: string, policy: QueryPolicy): string {
  return MADE[policy].of(target, place)
}

/** Paths that were made of targets, found by the targets' bytes, which are never made a text. */
class Paths {
  readonly #policy: QueryPolicy
  readonly #places = new Places()
  readonly #paths: string[] = new Array(Places.count).fill('')

  constructor(policy: QueryPolicy) {
    this.#policy = policy
  }

  of(bytes: Buffer, at: number, to: number): string {
    const place = this.#places.of(bytes, at, to)
    if (place >= 0 && !this.#places.isNew) return this.#paths[place] as string
    const path =
      bytes[at] === SLASH
        ? pathOfBytes(bytes, at, to, this.#policy)
        : pathOf(bytes.toString('latin1', at, to), this.#policy)
    if (place >= 0) this.#paths[place] = path
    return path
  }
}

/** Made when it is asked for: mostly there is but one. */
const paths: { [policy in QueryPolicy]?: Paths } = {}

/** As pathOf(), of the target `bytes[at … to)`. */
export function pathIn(bytes: Buffer, policy: QueryPolicy, at: number, to: number): string {
  const known = paths[policy] ?? new Paths(policy)
  paths[policy] = known
  return known.of(bytes, at, to)
}

/** The authority of an absolute-form target, without user and password; '' for other forms. */
export function authorityOf(target: string): string {
  if (target.charCodeAt(0) === SLASH) return ''
  const authority = ABSOLUTE.exec(target)?.[1] ?? ''
  return authority.slice(authority.lastIndexOf('@') + 1)
}

/** The same of `bytes[at … to)`. */
export function authorityIn(bytes: Buffer, at: number, to: number): string {
  return bytes[at] === SLASH ? '' : authorityOf(bytes.toString('latin1', at, to))
}

function withoutAuthority(target: string): string {
  const prefix = ABSOLUTE.exec(target)?.[0]
  if (prefix === undefined) return target
  const path = target.slice(prefix.length)
  return path.startsWith('/') ? path : `/${path}`
}
