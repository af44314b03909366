/** Attributes as a list of pairs, in the order in which they are written. */
import type { AttributeValue } from '../../otlp/attributes.ts'

export type Pairs = (readonly [key: string, value: AttributeValue])[]

/** Adds a pair unless its value is '' or 0: not known. */
export function addKnown(pairs: Pairs, key: string, value: string | number): void {
  if (value !== '' && value !== 0) pairs.push([key, value])
}

/**
 * A text that is the same for the same pairs, and for no others: lengths keep texts apart, whatever
 * is in them. A third of what JSON costs, which is felt: it is made for all that is new to a batch.
 */
export function keyOf(pairs: Readonly<Pairs>): string {
  let text = ''
  for (const [key, value] of pairs) {
    text += typeof value === 'string' ? `${key}"${value.length}:${value}` : `${key}=${value};`
  }
  return text
}
