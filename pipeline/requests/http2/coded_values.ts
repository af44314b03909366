/**
 * Values in the Huffman code that come again and again: what was read of them is found by their
 * coded bytes, which costs a fraction of decoding them anew.
 */
import { Places } from '../places.ts'
import { type Entry, PATH_BYTES_MAX } from './entry.ts'
import { readHuffman } from './huffman.ts'

/** The beginning of what was decoded last. */
export const decoded = Buffer.alloc(PATH_BYTES_MAX)

const places = new Places()
/** By place: the field, what was read, and the bytes it has in all. */
const fields = new Uint8Array(Places.count)
const texts: string[] = new Array(Places.count).fill('')
const numbers = new Float64Array(Places.count)
const lengths = new Uint32Array(Places.count)

/** Reads the value of `entry`, of which `bytes[at … to)` is the code; false: it is not valid. */
export function readCoded(entry: Entry, bytes: Buffer, range: { at: number; to: number }): boolean {
  const { at, to } = range
  const place = entry.isUnique ? -1 : places.of(bytes, at, to)
  if (place >= 0 && !places.isNew && fields[place] === entry.field) {
    entry.text = texts[place] as string
    entry.number = numbers[place] as number
    entry.valueBytes = lengths[place] as number
    return true
  }
  const length = readHuffman(decoded, bytes, range)
  if (length < 0) {
    if (place >= 0) places.clear(place)
    return false
  }
  entry.valueBytes = length
  entry.read(decoded, 0, length)
  if (place < 0) return true
  fields[place] = entry.field
  texts[place] = entry.text
  numbers[place] = entry.number
  lengths[place] = length
  return true
}
