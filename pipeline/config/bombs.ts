/**
 * Texts that are small and would cost much: they are refused before anything is made of them, at a
 * cost that grows with the text alone.
 */
import type { CST } from 'yaml'
import { ConfigError, type Place } from './problems.ts'

/** Honest configurations are a thousand times smaller; to parse one of this size takes seconds. */
export const TEXT_MAX = 8 * 2 ** 20

/**
 * How deep a configuration may be: many times what components need, and little enough that
 * everything that walks it may call itself.
 */
export const DEPTH_MAX = 100

/**
 * How many values all aliases of a text may stand for together. Ten anchors, each a list of ten
 * aliases of the one before, stand for ten thousand million. An honest file with many aliases is
 * long itself.
 */
export function aliasedMax(written: number): number {
  return Math.min(10_000 + 30 * written, 500_000)
}

/** A text that would cost more than it is worth: nothing of it is used. */
export class Bomb extends ConfigError {
  constructor(message: string, place: Place) {
    super([{ path: [], message, place }])
  }
}

export function aliasBomb(max: number, place: Place): Bomb {
  return new Bomb(`alias bomb: the aliases (*name) stand for more than ${max} values`, place)
}

export function nestingBomb(place: Place): Bomb {
  return new Bomb(`nesting bomb: more than ${DEPTH_MAX} levels of maps and lists`, place)
}

/**
 * The offset of the first token below `DEPTH_MAX`. Looks at tokens, as whatever composes them
 * calls itself for each level, and V8 can end the process when it compiles a regular expression
 * on a stack that is nearly full.
 */
export function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: { token: CST.Token | null | undefined; depth: number }[] = []
  for (const token of tokens) open.push({ token, depth: 0 })
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next
    if (!token) continue
    if (token.type === 'document') open.push({ token: token.value, depth })
    if (!('items' in token)) continue
    if (depth === DEPTH_MAX) return token.offset
    for (const { key, value } of token.items) {
      open.push({ token: key, depth: depth + 1 }, { token: value, depth: depth + 1 })
    }
  }
  return undefined
}
