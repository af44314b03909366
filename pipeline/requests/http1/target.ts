/**
 * What a row tells of a request target: path and query, and never a credential by default.
 *
 * RFC 9112 §3.2: origin-form `/path?query`, absolute-form `http://host/path` (to a proxy),
 * authority-form `host:port` (CONNECT), asterisk-form `*`.
 */

import { MadeOf } from './texts.ts'

export type QueryPolicy = 'redact' | 'drop' | 'keep'

const REDACTED = 'REDACTED'
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i

/**
 * Path and query of `target`. With `redact`, names in the query stay and values go; a part without
 * `=` may be a value, and goes too. A fragment has no business in a target, and goes.
 */
export function pathOf(target: string, policy: QueryPolicy): string {
  const path = withoutFragment(target.charCodeAt(0) === 47 ? target : withoutAuthority(target))
  const query = policy === 'keep' ? -1 : path.indexOf('?')
  if (query < 0) return path
  if (policy === 'drop') return path.slice(0, query)
  return path.slice(0, query + 1) + redacted(path.slice(query + 1))
}

const PATHS = {
  redact: new MadeOf((target) => pathOf(target, 'redact')),
  drop: new MadeOf((target) => pathOf(target, 'drop')),
  keep: new MadeOf((target) => pathOf(target, 'keep')),
}

/** As pathOf(), of a target that may come again: `place` as placeOf() has it, or -1. */
export function pathAt(place: number, target: string, policy: QueryPolicy): string {
  return PATHS[policy].of(target, place)
}

/** The authority of an absolute-form target, without user and password; '' for other forms. */
export function authorityOf(target: string): string {
  if (target.charCodeAt(0) === 47) return ''
  const authority = ABSOLUTE.exec(target)?.[1] ?? ''
  return authority.slice(authority.lastIndexOf('@') + 1)
}

function withoutAuthority(target: string): string {
  const prefix = ABSOLUTE.exec(target)?.[0]
  if (prefix === undefined) return target
  const path = target.slice(prefix.length)
  return path.startsWith('/') ? path : `/${path}`
}

function withoutFragment(text: string): string {
  const hash = text.indexOf('#')
  return hash < 0 ? text : text.slice(0, hash)
}

function redacted(query: string): string {
  let text = ''
  let equals = query.indexOf('=')
  for (let at = 0; at < query.length; ) {
    const ampersand = query.indexOf('&', at)
    const end = ampersand < 0 ? query.length : ampersand
    // Looked for anew only when passed: a query without any is not searched again and again.
    if (equals >= 0 && equals < at) equals = query.indexOf('=', at)
    if (equals >= 0 && equals < end) text += query.slice(at, equals + 1) + REDACTED
    else if (end > at) text += REDACTED
    if (ampersand >= 0) text += '&'
    at = end + 1
  }
  return text
}
