/** Compares secrets in a time that does not depend on where they differ, or on their lengths. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Of this process alone, so that a digest says nothing to anybody else. */
const KEY = randomBytes(32)

/** Stands for a secret in comparisons; equal secrets have equal digests. */
export function digestOf(secret: string | Uint8Array): Buffer {
  return createHmac('sha256', KEY).update(secret).digest()
}

/** Whether one of the digests is that of `given`; looks at all of them in any case. */
export function matchesAny(digests: readonly Buffer[], given: string | Uint8Array): boolean {
  const digest = digestOf(given)
  let found = 0
  for (const other of digests) found |= Number(timingSafeEqual(digest, other))
  return found === 1
}

export function matches(expected: string | Uint8Array, given: string | Uint8Array): boolean {
  return timingSafeEqual(digestOf(expected), digestOf(given))
}
