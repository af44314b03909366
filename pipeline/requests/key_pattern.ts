/** What a row says of a key in a store of keys and values. */
import type { QueryPolicy } from './target.ts'

const TARGET_CHARS_MAX = 128

/**
 * What keys of one kind have in common: `user:1234:cart` is `user:*:cart`. Parts with a digit are
 * values, and so is everything beyond the letters of common names.
 */
export function patternOf(key: string): string {
  const parts = key.split(/([:/|.])/)
  const pattern = parts.map((part) => (/^([:/|.]|[A-Za-z_-]{0,32})$/.test(part) ? part : '*'))
  return pattern.join('').slice(0, TARGET_CHARS_MAX)
}

export function keyOf(key: string, policy: QueryPolicy): string {
  if (policy === 'drop') return ''
  return policy === 'keep' ? key.slice(0, TARGET_CHARS_MAX) : patternOf(key)
}
