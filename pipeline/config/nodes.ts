/** The nodes of a YAML document to values with their places. */
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  type YAMLMap,
} from 'yaml'
import { aliasBomb, aliasedMax, DEPTH_MAX, nestingBomb } from './bombs.ts'
import { isList, isMap as isLocatedMap, type Located } from './located.ts'
import { ConfigError, type Place, type Problem } from './problems.ts'

type Value = Located['value']
type Node = ParsedNode | null | undefined

/** An anchor whose value is still being read. */
const OPEN = Symbol('open')

/** How much a value is when all its aliases are written out. */
interface Extent {
  readonly values: number
  readonly depth: number
}

export class NodeReader {
  readonly #document: Document.Parsed
  readonly #place: (offset: number) => Place
  readonly #anchors = new Map<string, Value | typeof OPEN>()
  readonly #problems: Problem[] = []
  #written = 0
  /** Entries that merge keys (`<<`) have copied. */
  #merged = 0

  constructor(document: Document.Parsed, place: (offset: number) => Place) {
    this.#document = document
    this.#place = place
  }

  /** Throws a ConfigError; a Bomb when the aliases make one. */
  read(): Located {
    const root = this.#document.contents
    const place = this.#place(root?.range[0] ?? 0)
    const located = { place, value: this.#value(root) }
    if (this.#problems.length > 0) throw new ConfigError(this.#problems)
    const max = aliasedMax(this.#written)
    measure(located, { known: new Map(), valuesMax: max + this.#written, aliasedMax: max })
    return located
  }

  #value(node: Node): Value {
    this.#written++
    if (isAlias(node)) return this.#alias(node.source, node.range[0])
    const anchor = isPair(node) ? undefined : node?.anchor
    if (anchor !== undefined) this.#anchors.set(anchor, OPEN)
    const value = this.#content(node)
    if (anchor !== undefined) this.#anchors.set(anchor, value)
    return value
  }

  #content(node: Node): Value {
    if (isMap(node)) return this.#map(node as YAMLMap.Parsed)
    if (isSeq(node)) {
      return (node.items as ParsedNode[]).map((item) => ({
        place: this.#place(item?.range?.[0] ?? node.range?.[0] ?? 0),
        value: this.#value(item),
      }))
    }
    return isScalar(node) ? scalar(node.value, node.source) : null
  }

  #alias(name: string, offset: number): Value {
    const value = this.#anchors.get(name)
    if (value !== undefined && value !== OPEN) return value
    const message =
      value === OPEN
        ? `yaml: anchor '${name}' value contains itself`
        : `yaml: unknown anchor '${name}' referenced`
    this.#problems.push({ path: [], message, place: this.#place(offset) })
    return null
  }

  #map(node: YAMLMap.Parsed): Value {
    const own = new Map<string, Located>()
    const merged = new Map<string, Located>()
    for (const pair of node.items as Pair<ParsedNode, ParsedNode | null>[]) {
      const offset = pair.key?.range?.[0] ?? node.range?.[0] ?? 0
      const place = this.#place(offset)
      const key = isScalar(pair.key) ? keyText(pair.key.value, pair.key.source) : undefined
      const value = this.#value(pair.value)
      if (key === undefined) {
        this.#problems.push({ path: [], message: 'yaml: a key must be a text', place })
      } else if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        this.#merge(value, merged, place)
      } else if (own.has(key)) {
        const first = own.get(key)?.place.line
        const already = first === undefined ? '' : ` at line ${first}`
        const message = `yaml: mapping key "${key}" already defined${already}`
        this.#problems.push({ path: [], message, place })
      } else {
        own.set(key, { place, value })
      }
    }
    for (const [key, entry] of merged) if (!own.has(key)) own.set(key, entry)
    return own
  }

  /** `<<: *a` or `<<: [*a, *b]`: the map itself counts most, then what is named first. */
  #merge(value: Value, into: Map<string, Located>, place: Place): void {
    for (const source of isList(value) ? value.map((item) => item.value) : [value]) {
      if (!isLocatedMap(source)) {
        const message = 'yaml: map merge requires map or sequence of maps as the value'
        this.#problems.push({ path: [], message, place })
        return
      }
      this.#merged += source.size
      const max = aliasedMax(this.#written)
      if (this.#merged > max) throw aliasBomb(max, place)
      for (const [key, entry] of source) if (!into.has(key)) into.set(key, entry)
    }
  }
}

function scalar(value: unknown, source: string | undefined): Value {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value
  }
  return value === null ? null : (source ?? String(value))
}

/** A key is a text, whatever YAML would make of it as a value. */
function keyText(value: unknown, source: string | undefined): string {
  return typeof value === 'string' ? value : (source ?? String(value))
}

interface Measuring {
  /** Each value is measured once, however many aliases name it. */
  readonly known: Map<Value, Extent>
  readonly valuesMax: number
  readonly aliasedMax: number
}

/** Throws at the first value that is too much when its aliases are written out. */
function measure({ value, place }: Located, measuring: Measuring): Extent {
  if (!isLocatedMap(value) && !isList(value)) return { values: 1, depth: 0 }
  const seen = measuring.known.get(value)
  if (seen !== undefined) return seen
  let values = 1
  let depth = 1
  for (const child of value.values()) {
    const extent = measure(child, measuring)
    values += extent.values
    depth = Math.max(depth, extent.depth + 1)
  }
  if (values > measuring.valuesMax) throw aliasBomb(measuring.aliasedMax, place)
  if (depth > DEPTH_MAX) throw nestingBomb(place)
  measuring.known.set(value, { values, depth })
  return { values, depth }
}
