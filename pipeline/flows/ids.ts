/**
 * Ids that every host computes alike, without talking.
 *
 * - `flow_id = mix64(client_isn << 32 | server_isn)`, computed in the kernel (bpf/flow_id.h): the
 *   pair of initial sequence numbers survives every NAT, so both ends get the same id. mix64 is the
 *   finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection, so two flows share
 *   an id only when they share the pair.
 * - a request is `(flow_id, offset of its first byte in the client-to-server stream)`;
 * - its CLIENT and SERVER span ids, and the trace id of a root, are hashes of that.
 *
 * The hash is MurmurHash3's x86_128 on the five words flow_id lo, hi, offset lo, hi, side; changing
 * it breaks traces across agents of different versions.
 */
import { ROLE } from './schema.ts'

const SIDE_TRACE = 2
const C1 = 0x239b961b
const C2 = 0xab0e9789
const C3 = 0x38b34ae5
const C4 = 0xa1e38b93
const BYTES = 20

/** One request on one flow. */
export interface RequestKey {
  flowLo: number
  flowHi: number
  /** Whole number below 2^53. */
  offset: number
}

const hash = new Uint32Array(4)

/** Writes the request's span id for one role as two u32, low half first. Never all zero. */
export function spanId(out: Uint32Array, at: number, key: RequestKey, role: number): void {
  murmur3(key, role === ROLE.client ? 0 : 1)
  out[at] = hash[0] as number
  out[at + 1] = (hash[1] as number) || 1
}

/** Writes the trace id of a trace whose root is this request, as four u32. Never all zero. */
export function traceId(out: Uint32Array, at: number, key: RequestKey): void {
  murmur3(key, SIDE_TRACE)
  out.set(hash, at)
  if (hash[3] === 0) out[at + 3] = 1
}

function murmur3(key: RequestKey, side: number): void {
  const offsetLo = key.offset >>> 0
  const offsetHi = Math.floor(key.offset / 4_294_967_296)
  let h1 = 0
  let h2 = 0
  let h3 = 0
  let h4 = 0
  // One block of 16 bytes.
  h1 ^= scramble(key.flowLo, C1, 15, C2)
  h1 = (Math.imul(rotl(h1, 19) + h2, 5) + 0x561ccd1b) | 0
  h2 ^= scramble(key.flowHi, C2, 16, C3)
  h2 = (Math.imul(rotl(h2, 17) + h3, 5) + 0x0bcaa747) | 0
  h3 ^= scramble(offsetLo, C3, 17, C4)
  h3 = (Math.imul(rotl(h3, 15) + h4, 5) + 0x96cd1c35) | 0
  h4 ^= scramble(offsetHi, C4, 18, C1)
  h4 = (Math.imul(rotl(h4, 13) + h1, 5) + 0x32ac3b17) | 0
  // The tail of 4 bytes.
  h1 ^= scramble(side, C1, 15, C2)
  // Finalisation.
  h1 ^= BYTES
  h2 ^= BYTES
  h3 ^= BYTES
  h4 ^= BYTES
  h1 = (h1 + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  h3 = (h3 + h1) | 0
  h4 = (h4 + h1) | 0
  h1 = fmix(h1)
  h2 = fmix(h2)
  h3 = fmix(h3)
  h4 = fmix(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  hash[0] = h1
  hash[1] = h2 + h1
  hash[2] = h3 + h1
  hash[3] = h4 + h1
}

function scramble(word: number, c: number, turn: number, d: number): number {
  return Math.imul(rotl(Math.imul(word, c), turn), d)
}

function rotl(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n))
}

function fmix(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
