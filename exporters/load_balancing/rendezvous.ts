/**
 * Which backend a key belongs to: the one whose name, hashed with the key, comes out highest
 * (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998).
 *
 * All who know the same names agree without talking, in whatever order they know them. A backend
 * that comes takes its share from all others alike, one that goes leaves its own to all others, and
 * no other key moves: 1 in N, exactly, where a ring of points comes near it. It costs a hash a
 * backend, which for as many as there are gateways is less than the search in a ring.
 */
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** Indexes of `names` that keys belong to. */
export class Rendezvous {
  readonly #seeds: Uint32Array

  /** @param names at least one, each once */
  constructor(names: readonly string[]) {
    this.#seeds = Uint32Array.from(names, (name) => mix(hashOf(Buffer.from(name))))
  }

  /** @param key 32 bits, themselves a hash */
  ownerOf(key: number): number {
    const seeds = this.#seeds
    let owner = 0
    let highest = -1
    for (let i = 0; i < seeds.length; i++) {
      const score = mix(key ^ (seeds[i] as number))
      if (score > highest) {
        highest = score
        owner = i
      }
    }
    return owner
  }
}

/** FNV-1a over bytes, mixed: 32 bits. */
export function hashOf(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let hash = FNV_OFFSET
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME)
  return mix(hash)
}

/** The key of a flow id, which is a hash already. */
export function hashOfId(lo: number, hi: number): number {
  return mix(lo ^ Math.imul(hi, FNV_PRIME))
}

/** MurmurHash3's finaliser, unsigned. */
function mix(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
