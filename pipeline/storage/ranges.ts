/**
 * A set of whole numbers, kept as sorted ranges that do not touch: a queue is emptied nearly in
 * order, so what is done is a few ranges, however many records that are.
 */
import { readNumber, writeNumber } from './format.ts'

const RANGE_BYTES = 12
/** In one record of the log; more are written as more records. */
export const RANGES_PER_RECORD_MAX = 4096

export class Ranges {
  readonly #firsts: number[] = []
  readonly #lasts: number[] = []

  /** How many ranges there are. */
  get count(): number {
    return this.#firsts.length
  }

  /** The highest number, or 0 when the set is empty. */
  get max(): number {
    return this.#lasts.at(-1) ?? 0
  }

  add(first: number, last = first): void {
    // The ranges from `low` to before `high` touch the new one and become part of it.
    const low = lowerBound(this.#lasts, first - 1)
    let high = low
    let [from, to] = [first, last]
    while (high < this.#firsts.length && (this.#firsts[high] as number) <= last + 1) {
      from = Math.min(from, this.#firsts[high] as number)
      to = Math.max(to, this.#lasts[high] as number)
      high++
    }
    this.#firsts.splice(low, high - low, from)
    this.#lasts.splice(low, high - low, to)
  }

  has(value: number): boolean {
    const i = lowerBound(this.#lasts, value)
    return i < this.#firsts.length && (this.#firsts[i] as number) <= value
  }

  clear(): void {
    this.#firsts.length = 0
    this.#lasts.length = 0
  }

  /** For people: `1-5 7`. */
  toString(): string {
    const texts = this.#firsts.map((first, i) => {
      const last = this.#lasts[i] as number
      return first === last ? `${first}` : `${first}-${last}`
    })
    return texts.join(' ')
  }

  /** Payloads of `done` records: `(first:u64 count:u32)*`. */
  encode(): Buffer[] {
    const payloads: Buffer[] = []
    for (let i = 0; i < this.#firsts.length; i += RANGES_PER_RECORD_MAX) {
      const count = Math.min(RANGES_PER_RECORD_MAX, this.#firsts.length - i)
      const bytes = Buffer.allocUnsafe(count * RANGE_BYTES)
      for (let k = 0; k < count; k++) {
        const first = this.#firsts[i + k] as number
        writeNumber(bytes, first, k * RANGE_BYTES)
        bytes.writeUInt32LE((this.#lasts[i + k] as number) - first + 1, k * RANGE_BYTES + 8)
      }
      payloads.push(bytes)
    }
    return payloads
  }

  /** Adds what a `done` record's payload holds. */
  addEncoded(payload: Buffer): void {
    for (let at = 0; at + RANGE_BYTES <= payload.length; at += RANGE_BYTES) {
      const first = readNumber(payload, at)
      const count = payload.readUInt32LE(at + 8)
      if (first !== undefined && count > 0) this.add(first, first + count - 1)
    }
  }
}

/** The first index whose value is not below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
