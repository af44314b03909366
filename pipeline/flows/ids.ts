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

const C1 = 0x239b961b
const C2 = 0xab0e9789
const C3 = 0x38b34ae5
const C4 = 0xa1e38b93
const BYTES = 20
/** What tells the ids of a request apart: the words 0 (client), 1 and 2, scrambled. */
const SIDE_SERVER = scramble(1, C1, 15, C2)
const SIDE_TRACE = scramble(2, C1, 15, C2)

/** One request on one flow. */
export interface RequestKey {
  flowLo: number
  flowHi: number
  /** Whole number below 2^53. */
  offset: number
}

const hash = new Int32Array(4)

/** With a sign or without: the same 32 bits. */
type Words = Uint32Array | Int32Array

/**
 * The ids of one request. They differ in the last word that is hashed alone, so the others are
 * hashed once, by `of`, where several are wanted.
 */
export class RequestHash {
  readonly #block = new Int32Array(4)

  /** The request that the ids are of from now on. */
  of(key: RequestKey): void {
    const block = this.#block
    // One block of 16 bytes.
    let h1 = rotl(scramble(key.flowLo | 0, C1, 15, C2), 19)
    h1 = (Math.imul(h1, 5) + 0x561ccd1b) | 0
    let h2 = rotl(scramble(key.flowHi | 0, C2, 16, C3), 17)
    h2 = (Math.imul(h2, 5) + 0x0bcaa747) | 0
    let h3 = rotl(scramble(key.offset | 0, C3, 17, C4), 15)
    h3 = (Math.imul(h3, 5) + 0x96cd1c35) | 0
    const offsetHi = key.offset < 4_294_967_296 ? 0 : Math.floor(key.offset / 4_294_967_296)
    let h4 = rotl(scramble(offsetHi, C4, 18, C1), 13)
    h4 = (Math.imul(h4 + h1, 5) + 0x32ac3b17) | 0
    // The tail, which follows, is xored to the first word alone.
    block[0] = h1 ^ BYTES
    block[1] = h2 ^ BYTES
    block[2] = h3 ^ BYTES
    block[3] = h4 ^ BYTES
  }

  /** A hash of the request, of no further meaning: the same for all its ids. */
  get number(): number {
    const block = this.#block
    return (
      ((block[0] as number) + (block[1] as number) + (block[2] as number) + (block[3] as number)) |
      0
    )
  }

  /** Writes the span id for one role as two u32, low half first. Never all zero. */
  spanId(out: Words, at: number, role: number): void {
    this.#finish(role === ROLE.client ? 0 : SIDE_SERVER)
    out[at] = hash[0] as number
    out[at + 1] = (hash[1] as number) || 1
  }

  /** Writes the id of a trace whose root is this request, as four u32. Never all zero. */
  traceId(out: Words, at: number): void {
    this.#finish(SIDE_TRACE)
    out[at] = hash[0] as number
    out[at + 1] = hash[1] as number
    out[at + 2] = hash[2] as number
    out[at + 3] = (hash[3] as number) || 1
  }

  /** @param tail the side's word, scrambled as the first of a block is */
  #finish(tail: number): void {
    const block = this.#block
    let h1 = (block[0] as number) ^ tail
    let h2 = block[1] as number
    let h3 = block[2] as number
    let h4 = block[3] as number
    h1 = (h1 + h2 + h3 + h4) | 0
    h2 = fmix((h2 + h1) | 0)
    h3 = fmix((h3 + h1) | 0)
    h4 = fmix((h4 + h1) | 0)
    h1 = fmix(h1)
    h1 = (h1 + h2 + h3 + h4) | 0
    hash[0] = h1
    hash[1] = h2 + h1
    hash[2] = h3 + h1
    hash[3] = h4 + h1
  }
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
