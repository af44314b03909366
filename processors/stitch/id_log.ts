/**
 * What is remembered for a while by 64-bit ids: entries of a few words each, in order of coming.
 *
 *     oldest ─▶ ▓▓▓▓░▓▓▓▓▓▓▓▓▓▓ ◀─ newest        a ring; ░ was removed
 *                   ▲      ▲
 *     index   [hash, place] …                    open addressing, half full at most
 *
 * There are hundreds of thousands of them, more than a cache holds, so what counts is how many
 * lines of memory are touched at random: one of the index to look for an id, and to forget one.
 * The entries are written and forgotten in order, which costs next to nothing.
 *
 * Places change whenever the ring is full: they are good until the next `append` or `renew`.
 */
export const NONE = -1

const CAPACITY_FIRST = 64
/** Odd and of this process alone, so that nobody can choose ids that meet in one place. */
const FACTORS = crypto.getRandomValues(new Int32Array(2))
const FACTOR_LO = (FACTORS[0] as number) | 1
const FACTOR_HI = (FACTORS[1] as number) | 1

export class IdLog {
  /** `stride` words an entry, the first two of which are its id; both 0: it was removed. */
  words: Uint32Array
  readonly #stride: number
  /** Two words a bucket: the id's hash, and the entry's place + 1, or 0. */
  #index: Int32Array
  /** Of hashes: their upper bits are the bucket. */
  #shift: number
  #places = CAPACITY_FIRST
  #first = 0
  /** Places from the first on that are taken, also by what was removed. */
  #taken = 0
  #size = 0

  constructor(stride: number) {
    this.#stride = stride
    this.words = new Uint32Array(CAPACITY_FIRST * stride)
    this.#index = new Int32Array(4 * CAPACITY_FIRST)
    this.#shift = shiftOf(CAPACITY_FIRST)
  }

  get size(): number {
    return this.#size
  }

  /** The place of the entry with this id, or NONE. */
  find(lo: number, hi: number): number {
    const index = this.#index
    const mask = index.length / 2 - 1
    const hash = hashOf(lo, hi)
    for (let bucket = hash >>> this.#shift; ; bucket = (bucket + 1) & mask) {
      const place = (index[2 * bucket + 1] as number) - 1
      if (place === NONE) return NONE
      if (index[2 * bucket] !== hash) continue
      const at = place * this.#stride
      if (this.words[at] === lo && this.words[at + 1] === hi) return place
    }
  }

  /** The place that has been there for longest, or NONE. */
  get oldest(): number {
    this.#skipRemoved()
    return this.#size === 0 ? NONE : this.#first
  }

  /** A new entry, the newest, 0 but for the id: one that is not there, and not 0. */
  append(lo: number, hi: number): number {
    this.reserve()
    const place = (this.#first + this.#taken) & (this.#places - 1)
    const at = place * this.#stride
    this.words[at] = lo
    this.words[at + 1] = hi
    for (let word = at + 2; word < at + this.#stride; word++) this.words[word] = 0
    this.#taken++
    this.#size++
    this.#enter(hashOf(lo, hi), place)
    return place
  }

  /** Makes an entry the newest. Gives its place. */
  renew(place: number): number {
    const stride = this.#stride
    if (place === ((this.#first + this.#taken - 1) & (this.#places - 1))) return place
    const entry = this.words.slice(place * stride, (place + 1) * stride)
    this.remove(place)
    const renewed = this.append(entry[0] as number, entry[1] as number)
    this.words.set(entry, renewed * stride)
    return renewed
  }

  remove(place: number): void {
    const at = place * this.#stride
    this.#leave(hashOf(this.words[at] as number, this.words[at + 1] as number), place)
    this.words[at] = 0
    this.words[at + 1] = 0
    this.#size--
  }

  /** Sees to it that the next `append` changes no places. */
  reserve(): void {
    if (this.#taken < this.#places) return
    this.#skipRemoved()
    if (this.#taken === this.#places) this.#rebuild()
  }

  #skipRemoved(): void {
    const { words } = this
    const stride = this.#stride
    while (this.#taken > 0) {
      const at = this.#first * stride
      if (words[at] !== 0 || words[at + 1] !== 0) return
      this.#first = (this.#first + 1) & (this.#places - 1)
      this.#taken--
    }
  }

  #enter(hash: number, place: number): void {
    const index = this.#index
    const mask = index.length / 2 - 1
    let bucket = hash >>> this.#shift
    while (index[2 * bucket + 1] !== 0) bucket = (bucket + 1) & mask
    index[2 * bucket] = hash
    index[2 * bucket + 1] = place + 1
  }

  /** Those that had to go further because of this entry move up, so no mark is left behind. */
  #leave(hash: number, place: number): void {
    const index = this.#index
    const shift = this.#shift
    const mask = index.length / 2 - 1
    let gap = hash >>> shift
    while (index[2 * gap + 1] !== place + 1) gap = (gap + 1) & mask
    for (let at = (gap + 1) & mask; index[2 * at + 1] !== 0; at = (at + 1) & mask) {
      const home = (index[2 * at] as number) >>> shift
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      index[2 * gap] = index[2 * at] as number
      index[2 * gap + 1] = index[2 * at + 1] as number
      gap = at
    }
    index[2 * gap + 1] = 0
  }

  /** Twice the places, or, where half of them were of what was removed, as many. */
  #rebuild(): void {
    const { words: before } = this
    const stride = this.#stride
    const mask = this.#places - 1
    const last = this.#first + this.#taken
    if (this.#size > this.#places / 2) this.#places *= 2
    this.words = new Uint32Array(this.#places * stride)
    this.#index = new Int32Array(4 * this.#places)
    this.#shift = shiftOf(this.#places)
    let place = 0
    for (let old = this.#first; old < last; old++) {
      const from = (old & mask) * stride
      const [lo, hi] = [before[from] as number, before[from + 1] as number]
      if (lo === 0 && hi === 0) continue
      const at = place * stride
      for (let i = 0; i < stride; i++) this.words[at + i] = before[from + i] as number
      this.#enter(hashOf(lo, hi), place++)
    }
    this.#first = 0
    this.#taken = place
  }
}

function hashOf(lo: number, hi: number): number {
  return (Math.imul(lo, FACTOR_LO) + Math.imul(hi, FACTOR_HI)) | 0
}

/** Two buckets a place. */
function shiftOf(places: number): number {
  return 31 - Math.log2(places)
}
