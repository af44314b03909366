/**
 * The randomness that the Collector's mode `hash_seed` gives to a trace: FNV-1a of seed and trace
 * id, of which 14 bits decide. Written as 56 bits that decide alike: below them stands what is left
 * of the hash, so that a consistent sampler behind has something to go by.
 */
import { ALWAYS, hex, NEVER } from './threshold.ts'

const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193
const BUCKETS = 0x4000
const BUCKET_BITS = 14
/** Bits of 56 below those of the bucket. */
const SHIFT = 42n

/** @param traceId 32 hexadecimal digits, or none */
export function hashOf(traceId: string, seed: number): number {
  let hash = OFFSET_BASIS
  for (let shift = 0; shift < 32; shift += 8) {
    hash = Math.imul(hash ^ ((seed >>> shift) & 0xff), PRIME)
  }
  for (let at = 0; at < 32; at += 2) {
    hash = Math.imul(hash ^ (Number.parseInt(traceId.slice(at, at + 2), 16) || 0), PRIME)
  }
  return hash >>> 0
}

/** 14 digits, as those of a trace id. */
export function hashRandomness(traceId: string, seed: number): string {
  const hash = hashOf(traceId, seed)
  const bucket = hash & (BUCKETS - 1)
  const high = hash >>> (32 - BUCKET_BITS)
  // The high bits are mixed with themselves, as nothing else is random.
  const mixed = BigInt(high) ^ (BigInt(high) << 10n)
  return hex((BigInt(BUCKETS - 1 - bucket) << SHIFT) | (mixed << 14n) | BigInt(bucket))
}

/** Of a percentage up to 100, in the 32 bits of precision that the Collector computes in. */
export function hashThreshold(percentage: number): string {
  const kept = Math.trunc(Math.fround(Math.fround(percentage) * Math.fround(BUCKETS / 100)))
  if (kept === 0) return NEVER
  return kept >= BUCKETS ? ALWAYS : hex(BigInt(BUCKETS - kept) << SHIFT)
}
