/**
 * Texts of bytes that come again and again: targets, hosts, fields of HTTP/2. To find one by its
 * bytes costs a fraction of making it anew and hashing it for each table that it is looked up in
 * later.
 */
import { Places } from './places.ts'

const places = new Places()
const texts: string[] = new Array(Places.count).fill('')

/** `bytes[at … to)` as Latin-1. */
export function textOf(bytes: Buffer, at: number, to: number): string {
  const place = placeOf(bytes, at, to)
  return place < 0 ? bytes.toString('latin1', at, to) : (texts[place] as string)
}

/** Where the text of `bytes[at … to)` is kept, which is until the next call; -1: it is too long. */
export function placeOf(bytes: Buffer, at: number, to: number): number {
  const place = places.of(bytes, at, to)
  if (places.isNew) texts[place] = bytes.toString('latin1', at, to)
  return place
}

/** @param place of placeOf() */
export function textAt(place: number): string {
  return texts[place] as string
}

/**
 * What is made of a text, kept as long as the text has its place, and made anew where it has none
 * (-1).
 */
export class MadeOf {
  readonly #make: (text: string) => string
  readonly #texts: string[] = new Array(Places.count).fill('')
  readonly #made: string[] = new Array(Places.count).fill('')

  constructor(make: (text: string) => string) {
    this.#make = make
    this.#made.fill(make(''))
  }

  of(text: string, place: number): string {
    if (place < 0) return this.#make(text)
    // As long as a text has its place it is the same object, so that this is no comparison.
    if (this.#texts[place] === text) return this.#made[place] as string
    const made = this.#make(text)
    this.#texts[place] = text
    this.#made[place] = made
    return made
  }
}
