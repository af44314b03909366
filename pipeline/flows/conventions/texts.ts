/**
 * Numbers of texts that are the same in all batches, while indexes of strings are good for one:
 * each text is looked up once a batch.
 */
import type { FlowBatch } from '../batch.ts'
import type { StringTable } from '../strings.ts'

/** Texts that are remembered, and characters of one; a longer one is new in each batch. */
const TEXTS_MAX = 8192
const LENGTH_MAX = 256
/** Numbers stay below the double of it, so that some bits of a u32 are free for the caller. */
const NUMBERS_MAX = 2 ** 24

export class Texts {
  readonly #numbers = new Map<string, number>()
  #last = 0
  /** By index of the batch's string, 0: not looked up. */
  #known = new Uint32Array(0)
  #strings: StringTable | undefined

  /** Gives whether numbers given before are good no longer. */
  begin({ strings }: FlowBatch): boolean {
    this.#strings = strings
    const { size } = strings
    if (this.#known.length < size) this.#known = new Uint32Array(size * 2)
    else this.#known.fill(0, 0, size)
    if (this.#numbers.size < TEXTS_MAX && this.#last < NUMBERS_MAX) return false
    this.#numbers.clear()
    this.#last = 0
    return true
  }

  /** Of the string at an index of the batch; 0 of the empty one, and of no other. */
  at(index: number): number {
    return index === 0 ? 0 : this.#known[index] || this.#find(index)
  }

  #find(index: number): number {
    const text = (this.#strings as StringTable).at(index)
    const number = this.#numbers.get(text) ?? ++this.#last
    if (text.length <= LENGTH_MAX) this.#numbers.set(text, number)
    this.#known[index] = number
    return number
  }
}
