/**
 * What later sources do to earlier ones, by the Collector's rules: maps are joined; anything else,
 * lists and null too, takes the place of what was there.
 */
import { DEPTH_MAX, nestingBomb } from './bombs.ts'
import { isList, isMap, type Located, type LocatedList } from './located.ts'
import type { Path, Place } from './problems.ts'

export interface MergeOptions {
  /** `confmap.enableMergeAppendOption`: lists of component ids are joined too. */
  readonly appendLists?: boolean
}

export function merge(earlier: Located, later: Located, options: MergeOptions = {}): Located {
  return mergeAt(earlier, later, { path: [], options })
}

function mergeAt(
  earlier: Located,
  later: Located,
  context: { path: Path; options: MergeOptions },
): Located {
  const { path, options } = context
  if (isMap(earlier.value) && isMap(later.value)) {
    const joined = new Map(earlier.value)
    for (const [key, value] of later.value) {
      const before = joined.get(key)
      const below = { path: [...path, key], options }
      joined.set(key, before === undefined ? value : mergeAt(before, value, below))
    }
    return { place: later.place, value: joined }
  }
  if (options.appendLists && isList(earlier.value) && isList(later.value) && isOfIds(path)) {
    return { place: later.place, value: append(earlier.value, later.value) }
  }
  return later
}

/** `service::extensions`, `service::**::receivers`, `service::**::exporters`. */
function isOfIds(path: Path): boolean {
  if (path[0] !== 'service') return false
  const last = path.at(-1)
  return (
    (path.length === 2 && last === 'extensions') || last === 'receivers' || last === 'exporters'
  )
}

function append(earlier: LocatedList, later: LocatedList): LocatedList {
  const known = new Set(earlier.map((item) => item.value))
  return [...earlier, ...later.filter((item) => !known.has(item.value))]
}

/** `{ a::b: 1 }` is `{ a: { b: 1 } }`, at the top of each source. */
export function unflatten(source: Located): Located {
  const { place, value } = source
  if (!isMap(value) || !value.keys().some((key) => key.includes('::'))) return source
  const root = new Map<string, Located>()
  /** Maps that were made here and may be changed. */
  const own = new Set<Located['value']>([root])
  for (const [key, entry] of value) {
    const steps = key.split('::')
    if (steps.length > DEPTH_MAX) throw nestingBomb(entry.place)
    let map = root
    for (const step of steps.slice(0, -1)) map = mapIn(map, step, { place: entry.place, own })
    const last = steps.at(-1) as string
    const before = map.get(last)
    map.set(last, before === undefined ? entry : merge(before, entry))
  }
  return { place, value: root }
}

/** The map under `step`, which may be changed. */
function mapIn(
  map: Map<string, Located>,
  step: string,
  { place, own }: { place: Place; own: Set<Located['value']> },
): Map<string, Located> {
  const found = map.get(step)?.value
  if (found !== undefined && own.has(found)) return found as Map<string, Located>
  const made = new Map<string, Located>(found !== undefined && isMap(found) ? found : [])
  own.add(made)
  map.set(step, { place, value: made })
  return made
}
