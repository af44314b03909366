/**
 * What is remembered for a while by 64-bit ids: entries of a few words each, in order of coming.
 *
 *     first ─▶ ▓▓▓▓░▓▓▓▓▓▓▓▓▓▓ ◀─ newest         a ring; ░ was removed
 *                  ▲      ▲
 *     index   [hash, place] …                    open addressing, half full at most
 *
 * There are hundreds of thousands of them, more than a cache holds, so what counts is how many
 * lines of memory are touched at random: one of the index to look for an id, and one to forget it.
 * The entries are written in order, which costs next to nothing, and not touched to be forgotten.
 *
 * Who gives ids gives a number to find each by, too. Those of one number stand beside each other in
 * the index, so where they are looked for together there is one miss for all.
 *
 * Places change when there is no more room: they are good until the next
 * `reserve`, `append` or `renew`.
 */
export const NONE = -1
/** Of an entry that is an id alone. */
export const ID_WORDS = 2

const PLACES_FIRST = 32
/** Of a log that is full: half as many again, for most of it are there to stay. */
const GROWTH = 1.5
/** Odd and of this process alone, so that nobody can choose numbers that meet in one place. */
const FACTOR = (crypto.getRandomValues(new Int32Array(1))[0] as number) | 1

export class IdLog {
  /** `stride` words an entry, the first two of which are its id. */
  words: Uint32Array
  /** One more of each, for what is looked at to forget it. */
  stamps: Uint32Array
  readonly #stride: number
  /** Of the entry in each place; 0: it was removed. */
  #hashes: Int32Array
  /** Two words a bucket: an entry's hash, and its place + 1, or 0. */
  #index: Int32Array
  /** Of hashes: their upper bits are the bucket. */
  #shift: number
  #places: number
  #first = 0
  /** Places from the first on that are taken, also by what was removed. */
  #taken = 0
  #size = 0
  /** Of no meaning: what is read for nothing would not be read. */
  touched = 0

  constructor(stride: number) {
    this.#stride = stride
    const buckets = bucketsFor(PLACES_FIRST)
    this.#places = PLACES_FIRST
    this.words = new Uint32Array(this.#places * stride)
    this.stamps = new Uint32Array(this.#places)
    this.#hashes = new Int32Array(this.#places)
    this.#index = new Int32Array(2 * buckets)
    this.#shift = Math.clz32(buckets - 1)
  }

  get size(): number {
    return this.#size
  }

  /** The place of the entry with this id, or NONE. */
  find(lo: number, hi: number, number: number): number {
    const index = this.#index
    const mask = (index.length >>> 1) - 1
    const hash = hashOf(number)
    for (let bucket = hash >>> this.#shift; ; bucket = (bucket + 1) & mask) {
      const place = (index[2 * bucket + 1] as number) - 1
      if (place === NONE) return NONE
      if (index[2 * bucket] !== hash) continue
      const at = place * this.#stride
      if (this.words[at] === lo && this.words[at + 1] === hi) return place
    }
  }

  /**
   * Looks at where entries of these numbers are found, and does nothing with it, so that it is in a
   * cache when they are asked for. A processor fetches a dozen lines at a time where none is needed
   * to go on; `find` waits for one after another.
   */
  touch(numbers: Int32Array, count: number): void {
    const index = this.#index
    const shift = this.#shift
    let sum = 0
    for (let i = 0; i < count; i++) {
      sum = (sum + (index[2 * (hashOf(numbers[i] as number) >>> shift)] as number)) | 0
    }
    this.touched = sum
  }

  /** The same of the oldest, as many as are there: before so many are removed. */
  touchOldest(count: number): void {
    const index = this.#index
    const shift = this.#shift
    const hashes = this.#hashes
    let sum = 0
    for (let i = 0; i < count; i++) {
      const hash = hashes[this.#placeOf(i)] as number
      sum = (sum + (index[2 * (hash >>> shift)] as number)) | 0
    }
    this.touched = sum
  }

  /** The place that has been there for longest, or NONE. */
  get oldest(): number {
    this.#skipRemoved()
    return this.#size === 0 ? NONE : this.#first
  }

  /** A new entry, the newest, 0 but for the id: one that is not there. */
  append(lo: number, hi: number, number: number): number {
    return this.#append(lo, hi, hashOf(number))
  }

  #append(lo: number, hi: number, hash: number): number {
    this.reserve()
    const place = this.#placeOf(this.#taken)
    const at = place * this.#stride
    const { words } = this
    words[at] = lo
    words[at + 1] = hi
    for (let word = at + 2; word < at + this.#stride; word++) words[word] = 0
    this.stamps[place] = 0
    this.#hashes[place] = hash
    this.#taken++
    this.#size++
    this.#enter(hash, place)
    return place
  }

  /** Makes an entry the newest. Gives its place. */
  renew(place: number): number {
    if (place === this.#placeOf(this.#taken - 1)) return place
    const stride = this.#stride
    const entry = this.words.slice(place * stride, (place + 1) * stride)
    const hash = this.#hashes[place] as number
    const stamp = this.stamps[place] as number
    this.remove(place)
    const renewed = this.#append(entry[0] as number, entry[1] as number, hash)
    this.words.set(entry, renewed * stride)
    this.stamps[renewed] = stamp
    return renewed
  }

  remove(place: number): void {
    this.#leave(this.#hashes[place] as number, place)
    this.#hashes[place] = 0
    this.#size--
  }

  /** Sees to it that the next `append` changes no places. */
  reserve(): void {
    if (this.#taken < this.#places) return
    this.#skipRemoved()
    if (this.#taken === this.#places) this.#rebuild()
  }

  #placeOf(nth: number): number {
    const place = this.#first + nth
    return place < this.#places ? place : place - this.#places
  }

  #skipRemoved(): void {
    const hashes = this.#hashes
    while (this.#taken > 0 && hashes[this.#first] === 0) {
      this.#first = this.#placeOf(1)
      this.#taken--
    }
  }

  #enter(hash: number, place: number): void {
    const index = this.#index
    const mask = (index.length >>> 1) - 1
    let bucket = hash >>> this.#shift
    while (index[2 * bucket + 1] !== 0) bucket = (bucket + 1) & mask
    index[2 * bucket] = hash
    index[2 * bucket + 1] = place + 1
  }

  /** Those that had to go further because of this entry move up, so no mark is left behind. */
  #leave(hash: number, place: number): void {
    const index = this.#index
    const shift = this.#shift
    const mask = (index.length >>> 1) - 1
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

  /** More room or, where half of it was of what was removed, as much. */
  #rebuild(): void {
    const { words, stamps } = this
    const stride = this.#stride
    const hashes = this.#hashes
    const first = this.#first
    const places = this.#places
    if (this.#size > places / 2) this.#places = Math.ceil(places * GROWTH)
    const buckets = bucketsFor(this.#places)
    this.words = new Uint32Array(this.#places * stride)
    this.stamps = new Uint32Array(this.#places)
    this.#hashes = new Int32Array(this.#places)
    this.#index = new Int32Array(2 * buckets)
    this.#shift = Math.clz32(buckets - 1)
    let place = 0
    for (let nth = 0; nth < this.#taken; nth++) {
      const old = first + nth < places ? first + nth : first + nth - places
      const from = old * stride
      if (hashes[old] === 0) continue
      const at = place * stride
      for (let i = 0; i < stride; i++) this.words[at + i] = words[from + i] as number
      this.stamps[place] = stamps[old] as number
      this.#hashes[place] = hashes[old] as number
      this.#enter(hashes[old] as number, place++)
    }
    this.#first = 0
    this.#taken = place
  }
}

/** Never 0. The lowest bit is not looked at to find a bucket. */
function hashOf(number: number): number {
  return Math.imul(number, FACTOR) | 1
}

/** Two a place at least, a power of two. */
function bucketsFor(places: number): number {
  return 2 ** Math.ceil(Math.log2(2 * places))
}
