/**
 * What is remembered for a while by 64-bit ids: entries of a few words each, in order of coming.
 *
 *     first ─▶ ▓▓▓▓░▓▓▓▓▓▓▓▓▓▓ ◀─ newest         a ring; ░ was removed
 *                  ▲      ▲
 *     index   │s s s s s s s o│s s s s s s s o│ …   7 slots a line, three times as many as places
 *
 * There are hundreds of thousands of them, more than a cache holds, so what counts is how many
 * lines of memory are touched at random: one of the index, to look for an id and to add it. The
 * entries are written in order, which costs next to nothing, and not touched to be forgotten; nor
 * is the index. A slot says where in the ring its entry was, in this round and the one before, so
 * whether it is still there is seen without looking, and one that is not is free for the next.
 *
 *     slot   [some bits of the hash | position + 1]     0: never used
 *     o      position + 1 of the last entry that found the line full, and is in the next
 *
 * Who gives ids gives a number to find each by, too. Those of one number stand beside each other in
 * the index, so where they are looked for together there is one miss for all.
 *
 * Places change when there is no more room: they are good until the next
 * `reserve`, `append` or `renew`. The halves of ids have a sign.
 */
export const NONE = -1
/** Of an entry that is an id alone. */
export const ID_WORDS = 2

/** Words of a line of the index, two of which a cache line holds, and those that are slots. */
const LINE = 8
const SLOTS = 7
const PLACES_FIRST = 32
/** Of a log that is full: half as many again, for most of it are there to stay. */
const GROWTH = 1.5
/** Odd and of this process alone, so that nobody can choose numbers that meet in one place. */
const FACTOR = (crypto.getRandomValues(new Int32Array(1))[0] as number) | 1

export class IdLog {
  /** `stride` words an entry, the first two of which are its id. */
  words: Int32Array
  /** One more of each, for what is looked at to forget it. */
  stamps: Int32Array
  readonly #stride: number
  /** Of the entry in each place; 0: it was removed. */
  #hashes: Int32Array
  #index: Int32Array
  /** Of hashes: so many upper bits are the line. */
  #lineBits: number
  /** Of slots: so many lower bits are the position. */
  #positionBits: number
  #places: number
  /** A position is a place and whether the round is an odd one: below 2 * places. */
  #first = 0
  /** Positions from the first on that are taken, also by what was removed. */
  #taken = 0
  #size = 0
  /** Of no meaning: what is read for nothing would not be read. */
  touched = 0

  constructor(stride: number) {
    this.#stride = stride
    this.#places = PLACES_FIRST
    this.words = lines(this.#places * stride)
    this.stamps = new Int32Array(this.#places)
    this.#hashes = new Int32Array(this.#places)
    this.#lineBits = lineBitsFor(PLACES_FIRST)
    this.#positionBits = positionBitsFor(PLACES_FIRST)
    this.#index = lines(LINE << this.#lineBits)
  }

  get size(): number {
    return this.#size
  }

  /** The place of the entry with this id, or NONE. */
  find(lo: number, hi: number, number: number): number {
    const index = this.#index
    const hash = hashOf(number)
    const tag = hash << this.#lineBits
    const positionBits = this.#positionBits
    const home = this.#lineOf(hash)
    let line = home
    do {
      for (let at = line; at < line + SLOTS; at++) {
        const slot = index[at] as number
        if ((slot ^ tag) >>> positionBits !== 0 || slot === 0) continue
        const place = this.#placeOf((slot & ((1 << positionBits) - 1)) - 1)
        // Another entry may be there by now, or a removed one.
        if (this.#hashes[place] !== hash) continue
        const word = place * this.#stride
        if (this.words[word] === lo && this.words[word + 1] === hi) return place
      }
      if (!this.#isTaken(index[line + SLOTS] as number)) return NONE
      line = (line + LINE) & (index.length - 1)
    } while (line !== home)
    return NONE
  }

  /**
   * Looks at where entries of these numbers are found, and does nothing with it, so that it is in a
   * cache when they are asked for. A processor fetches a dozen lines at a time where none is needed
   * to go on; `find` waits for one after another.
   */
  touch(numbers: Int32Array, count: number): void {
    const index = this.#index
    let sum = 0
    for (let i = 0; i < count; i++) {
      sum = (sum + (index[this.#lineOf(hashOf(numbers[i] as number))] as number)) | 0
    }
    this.touched = sum
  }

  /** The place that has been there for longest, or NONE. */
  get oldest(): number {
    this.#skipRemoved()
    return this.#size === 0 ? NONE : this.#placeOf(this.#first)
  }

  /** A new entry, the newest, of an id that is not in. Its other words are to be written. */
  append(lo: number, hi: number, number: number): number {
    return this.#append(lo, hi, hashOf(number))
  }

  #append(lo: number, hi: number, hash: number): number {
    this.reserve()
    const position = this.#positionOf(this.#taken)
    const place = this.#placeOf(position)
    const at = place * this.#stride
    this.words[at] = lo
    this.words[at + 1] = hi
    this.stamps[place] = 0
    this.#hashes[place] = hash
    this.#enter(hash, position)
    this.#taken++
    this.#size++
    return place
  }

  /** Makes an entry the newest. Gives its place. */
  renew(place: number): number {
    if (place === this.#placeOf(this.#positionOf(this.#taken - 1))) return place
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
    if (place !== this.#placeOf(this.#first)) this.#leave(place)
    this.#hashes[place] = 0
    this.#size--
  }

  /** Sees to it that the next `append` changes no places. */
  reserve(): void {
    if (this.#taken < this.#places) return
    this.#skipRemoved()
    if (this.#taken === this.#places) this.#rebuild()
  }

  #positionOf(nth: number): number {
    const position = this.#first + nth
    return position < 2 * this.#places ? position : position - 2 * this.#places
  }

  #placeOf(position: number): number {
    return position < this.#places ? position : position - this.#places
  }

  /** Where the slots of this hash begin. The first bit of `hashOf` is not part of it. */
  #lineOf(hash: number): number {
    return (hash >>> (32 - this.#lineBits)) * LINE
  }

  #slotOf(hash: number, position: number): number {
    const positionBits = this.#positionBits
    return (((hash << this.#lineBits) >>> positionBits) << positionBits) | (position + 1)
  }

  /** Whether the position in a slot is one of those between the first and the newest. */
  #isTaken(slot: number): boolean {
    const position = (slot & ((1 << this.#positionBits) - 1)) - 1
    const nth = position - this.#first
    return position >= 0 && (nth < 0 ? nth + 2 * this.#places : nth) < this.#taken
  }

  #skipRemoved(): void {
    const hashes = this.#hashes
    while (this.#taken > 0 && hashes[this.#placeOf(this.#first)] === 0) {
      this.#first = this.#positionOf(1)
      this.#taken--
    }
  }

  /** There is room somewhere: there are three times as many slots as places. */
  #enter(hash: number, position: number): void {
    const index = this.#index
    for (let line = this.#lineOf(hash); ; line = (line + LINE) & (index.length - 1)) {
      for (let at = line; at < line + SLOTS; at++) {
        if (this.#isTaken(index[at] as number)) continue
        index[at] = this.#slotOf(hash, position)
        return
      }
      index[line + SLOTS] = position + 1
    }
  }

  /** The slot of an entry in between is free at once: what is renewed has but one. */
  #leave(place: number): void {
    const index = this.#index
    const hash = this.#hashes[place] as number
    const isOfEvenRound = this.#first < this.#places === place >= this.#placeOf(this.#first)
    const slot = this.#slotOf(hash, isOfEvenRound ? place : place + this.#places)
    for (let line = this.#lineOf(hash); ; line = (line + LINE) & (index.length - 1)) {
      for (let at = line; at < line + SLOTS; at++) {
        if (index[at] !== slot) continue
        index[at] = 0
        return
      }
    }
  }

  /** More room or, where half of it was of what was removed, as much. */
  #rebuild(): void {
    const { words, stamps } = this
    const stride = this.#stride
    const hashes = this.#hashes
    const places = this.#places
    const first = this.#placeOf(this.#first)
    const taken = this.#taken
    if (this.#size > places / 2) this.#places = Math.ceil(places * GROWTH)
    this.words = lines(this.#places * stride)
    this.stamps = new Int32Array(this.#places)
    this.#hashes = new Int32Array(this.#places)
    this.#lineBits = lineBitsFor(this.#places)
    this.#positionBits = positionBitsFor(this.#places)
    this.#index = lines(LINE << this.#lineBits)
    this.#first = 0
    this.#taken = 0
    for (let nth = 0; nth < taken; nth++) {
      const old = first + nth < places ? first + nth : first + nth - places
      const from = old * stride
      if (hashes[old] === 0) continue
      const place = this.#taken
      const at = place * stride
      for (let i = 0; i < stride; i++) this.words[at + i] = words[from + i] as number
      this.stamps[place] = stamps[old] as number
      this.#hashes[place] = hashes[old] as number
      this.#enter(hashes[old] as number, place)
      this.#taken++
    }
  }
}

/**
 * Words that begin where a cache line does, as malloc(3) of glibc puts 16 bytes before what is
 * large: else every second line of the index is in two of them.
 */
function lines(words: number): Int32Array<ArrayBuffer> {
  return new Int32Array(new ArrayBuffer(4 * words + 64), 64 - 16, words)
}

/** Never 0. */
function hashOf(number: number): number {
  return Math.imul(number, FACTOR) | 1
}

/** Lines are a power of two, at least two: a shift by 32 bits is none. */
function lineBitsFor(places: number): number {
  return Math.max(1, Math.ceil(Math.log2((3 * places) / SLOTS)))
}

/** For positions + 1. */
function positionBitsFor(places: number): number {
  return Math.ceil(Math.log2(2 * places + 1))
}
