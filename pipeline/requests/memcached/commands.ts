/**
 * memcached's commands and replies, in text
 * (https://github.com/memcached/memcached/blob/master/doc/protocol.txt).
 */

import { keyOf } from '../key_pattern.ts'
import type { QueryPolicy } from '../target.ts'

/**
 * What a reply to it looks like: `values`: VALUE … END; `list`: lines up to END, or one that is
 * a reply of its own; `line`: one line; `silent`: nothing; `stream`: no replies any more.
 */
export type ReplyKind = 'values' | 'list' | 'meta' | 'line' | 'silent' | 'stream'

export interface Command {
  readonly method: string
  readonly target: string
  readonly query: string
  readonly kind: ReplyKind
  /** First words of replies, of one line. */
  readonly replies: RegExp
  /** Bytes behind the line; -1: none. */
  readonly block: number
  /** The server says nothing, if all goes well. */
  readonly noreply: boolean
  /** Meta commands: the server says nothing of the usual outcome. */
  readonly quiet: boolean
  /** What only its own reply has in it, where it follows quiet ones; '': nothing. */
  readonly mark: string
}

const STORED = /^(NOT_)?STORED$|^EXISTS$|^NOT_FOUND$/
const ANY = /./

const REPLIES: ReadonlyMap<string, readonly [ReplyKind, RegExp]> = new Map([
  ...each('get gets gat gats', ['values', ANY]),
  ...each('set add replace append prepend cas', ['line', STORED]),
  ...each('incr decr', ['line', /^\d+$|^NOT_FOUND$/]),
  ...each('delete', ['line', /^DELETED$|^NOT_FOUND$/]),
  ...each('touch', ['line', /^TOUCHED$|^NOT_FOUND$/]),
  ...each('mg ms md ma', ['meta', /^(VA|HD|EN|NF|NS|EX)$/]),
  ...each('mn', ['meta', /^MN$/]),
  ...each('me', ['meta', /^(ME|EN)$/]),
  ...each('stats', ['list', ANY]),
  ...each('version', ['line', /^VERSION$/]),
  ...each('flush_all verbosity cache_memlimit slabs lru lru_crawler', ['line', ANY]),
  ...each('quit shutdown', ['silent', ANY]),
  ...each('watch', ['stream', ANY]),
])

const BLOCK_BYTES_MAX = 1 << 30
const KEY_CHARS_MAX = 250

function each(
  names: string,
  reply: readonly [ReplyKind, RegExp],
): [string, readonly [ReplyKind, RegExp]][] {
  return names.split(' ').map((name) => [name, reply])
}

/** Undefined: no command. */
export function commandOf(line: string, policy: QueryPolicy): Command | undefined {
  const words = line.split(/ +/)
  const [method = ''] = words
  const reply = REPLIES.get(method)
  if (reply === undefined) return undefined
  const [kind, replies] = reply
  const block = blockOf(words)
  if (Number.isNaN(block)) return undefined
  const keyAt = method === 'gat' || method === 'gats' ? 2 : 1
  const isKeyed = kind === 'values' || (kind === 'meta' && method !== 'mn') || KEYED.has(method)
  const key = isKeyed ? (words[keyAt] ?? '') : ''
  if (isKeyed && (key === '' || key.length > KEY_CHARS_MAX)) return undefined
  const flags = kind === 'meta' ? words.slice(method === 'ms' ? 3 : 2) : []
  const target = flags.includes('b') ? '' : keyOf(key, policy)
  return {
    method,
    target,
    query: [method, isKeyed ? target || '?' : '', rest(words, keyAt, isKeyed)].join(' ').trim(),
    kind: method === 'lru_crawler' && words[1] === 'metadump' ? 'list' : kind,
    replies,
    block,
    noreply: kind === 'line' && words.at(-1) === 'noreply',
    quiet: flags.includes('q'),
    mark: method === 'mn' ? 'MN' : markOf(key, flags),
  }
}

const KEYED = new Set('set add replace append prepend cas incr decr delete touch'.split(' '))

function rest(words: readonly string[], keyAt: number, isKeyed: boolean): string {
  return words.length > (isKeyed ? keyAt + 1 : 1) ? '?' : ''
}

/** NaN: there should be one, and its length is none. */
function blockOf([method = '', , second = '', , fourth = '']: readonly string[]): number {
  let text: string
  if (method === 'ms') text = second
  else if (/^(set|add|replace|append|prepend|cas)$/.test(method)) text = fourth
  else return -1
  return lengthOf(text)
}

function lengthOf(text: string): number {
  const length = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  return length <= BLOCK_BYTES_MAX ? length : Number.NaN
}

/** A reply repeats the key when it is asked to, and what the client gives as opaque. */
function markOf(key: string, flags: readonly string[]): string {
  const opaque = flags.find((flag) => flag.startsWith('O'))
  return opaque ?? (flags.includes('k') ? `k${key}` : '')
}

/** Bytes of the block behind a reply's line: `VALUE key flags bytes`, `VA bytes`. -1: none. */
export function replyBlockOf(line: string): number {
  const words = line.split(/ +/)
  if (words[0] === 'VALUE') return lengthOf(words[3] ?? '')
  return words[0] === 'VA' ? lengthOf(words[1] ?? '') : -1
}

/** `ERROR`, `CLIENT_ERROR bad data chunk`, `SERVER_ERROR out of memory`; '': no error. */
export function errorOf(line: string): string {
  return /^((?:CLIENT_|SERVER_)?ERROR)(?: |$)/.exec(line)?.[1] ?? ''
}

/** Whether a text begins with a command beyond doubt. */
export const COMMAND_LINE = new RegExp(
  String.raw`^(?:(?:gets?|mg|md|ma|delete|gats? \d+) [^\s]{1,250}[ \r]` +
    String.raw`|(?:set|add|replace|append|prepend|cas) [^\s]{1,250} \d+ -?\d+ \d+[ \r]` +
    String.raw`|ms [^\s]{1,250} \d+[ \r]|(?:incr|decr|touch) [^\s]{1,250} \d+[ \r])`,
)
/** Commands that any line protocol may have: at memcached's port. */
export const DOUBTFUL_LINE = /^(?:version|stats|mn|flush_all|verbosity)[ \r]/
