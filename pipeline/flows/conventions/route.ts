/**
 * The route of a path: what varies from request to request becomes `{id}`.
 *
 *     /orders/4711/items            /orders/{id}/items
 *     /files/5f0c2d9e-…-8a1b        /files/{id}
 *     /v1/users/alice@example.com   /v1/users/{id}
 *
 * One kind of placeholder, and not one for each kind of value: the same place of a path often holds
 * numbers and other ids, and would have several routes.
 */

const PLACEHOLDER = '{id}'
/** Parts of a path that are looked at; what is deeper is one `*`. */
const PARTS_MAX = 10
/** A longer part is no name that somebody gave to an endpoint. */
const NAME_MAX = 40
const HEX_MIN = 8
/** Even without a digit. */
const HEX_SURE = 16
const DIGITS_MAX = 4
const MIXED_MIN = 14
/** Changes between digits and letters: `V1StGXR8_Z5j`. */
const CHANGES_MIN = 3
const CHANGES_LENGTH_MIN = 8

const SLASH = 47
const SEMICOLON = 59

/** Of a target `/path?query`; '' when it is no path. */
export function routeOf(target: string): string {
  if (target.charCodeAt(0) !== SLASH) return ''
  const end = endOfPath(target)
  let route = ''
  let parts = 0
  for (let at = 1; at <= end; ) {
    const next = target.indexOf('/', at)
    const to = next < 0 || next > end ? end : next
    if (++parts > PARTS_MAX) return `${route}/*`
    route += `/${partOf(target, at, to)}`
    at = to + 1
  }
  return route
}

function endOfPath(target: string): number {
  const question = target.indexOf('?')
  return question < 0 ? target.length : question
}

function partOf(target: string, at: number, to: number): string {
  let end = at
  // RFC 3986 §3.3: parameters of a part, `;jsessionid=…`, are no part of its name.
  while (end < to && target.charCodeAt(end) !== SEMICOLON) end++
  return isId(target, at, end) ? PLACEHOLDER : target.slice(at, end)
}

/** One pass over the characters: it runs for every path that is new to a batch. */
function isId(text: string, at: number, to: number): boolean {
  const length = to - at
  if (length > NAME_MAX) return true
  let digits = 0
  let lower = 0
  let upper = 0
  let hex = 0
  let joints = 0
  let changes = 0
  let wasDigit = false
  for (let i = at; i < to; i++) {
    const code = text.charCodeAt(i)
    const isDigit = code >= 48 && code <= 57
    if (i > at && isDigit !== wasDigit) changes++
    wasDigit = isDigit
    if (isDigit) digits++
    else if (code >= 97 && code <= 122) {
      lower++
      if (code <= 102) hex++
    } else if (code >= 65 && code <= 90) {
      upper++
      if (code <= 70) hex++
    } else if (isJoint(code)) joints++
    // Escaped bytes, `@`, `=`, other alphabets: a value.
    else return true
  }
  if (digits === 0 && hex + joints < length) return false
  if (digits + joints === length) return digits > 0
  if (digits + hex + joints === length && length >= HEX_MIN) {
    return digits > 0 || length >= HEX_SURE
  }
  if (digits > DIGITS_MAX) return true
  if (changes >= CHANGES_MIN && length >= CHANGES_LENGTH_MIN) return true
  return digits > 0 && upper > 0 && lower > 0 && length >= MIXED_MIN
}

/** `-` `.` `_` `~` `:` `$` `*`: they join words, or stand in the names of methods. */
function isJoint(code: number): boolean {
  return (
    code === 45 ||
    code === 46 ||
    code === 95 ||
    code === 126 ||
    code === 58 ||
    code === 36 ||
    code === 42
  )
}
