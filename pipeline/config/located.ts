/**
 * Values that still know where they were written. Several sources are merged as these, so that an
 * error names the right file.
 */
import type { Path, Place } from './problems.ts'

export type Scalar = string | number | boolean | null

/**
 * A value and its place. A child of a map has the place of its key, an item of a list its own.
 * Aliases share the value they stand for, so that a tree costs no more than its text.
 */
export interface Located {
  readonly place: Place
  readonly value: Scalar | LocatedList | LocatedMap
}

export type LocatedList = readonly Located[]

/** A Map, as a key can be `__proto__`. */
export type LocatedMap = ReadonlyMap<string, Located>

export function isMap(value: Located['value']): value is LocatedMap {
  return value instanceof Map
}

export function isList(value: Located['value']): value is LocatedList {
  return Array.isArray(value)
}

/** A path as one text, to find things by. */
export function pathKey(path: Path): string {
  return path.map(String).join('\n')
}
