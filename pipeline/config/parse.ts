/** YAML text to plain values, with the place of each. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type ScalarTag,
  type Tags,
} from 'yaml'
import { ConfigError, type Path, type Place } from './problems.ts'
import type { Source } from './source.ts'

/**
 * Nodes that all aliases of a file may stand for, together. Ten anchors that each name the one
 * before ten times would be ten thousand million nodes.
 */
const ALIASED_NODES_MAX = 10_000

/** As Go's YAML reads them: `0123` is octal, which YAML 1.2 alone would not say. */
const LEADING_ZERO_OCTAL: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text: string) => Number.parseInt(text, 8),
}

const OPTIONS = {
  merge: true,
  customTags: (tags: Tags): Tags => [LEADING_ZERO_OCTAL, ...tags],
} as const

export interface Parsed {
  readonly value: unknown
  /** The place of the deepest part of `path` that is written in this source. */
  locate(path: Path): Place | undefined
}

/** Throws a ConfigError with all that is wrong with the YAML. */
export function parseYaml(source: Source): Parsed {
  const lines = new LineCounter()
  const document = parseDocument(source.text, {
    ...OPTIONS,
    lineCounter: lines,
    prettyErrors: false,
  })
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file: source.name, line, column: col }
  }
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((e) => ({ path: [], message: e.message, place: place(e.pos[0]) })),
    )
  }
  return {
    value: toValue(document, source),
    locate: (path) => {
      const offset = offsetOf(document, path)
      return offset === undefined ? undefined : place(offset)
    },
  }
}

/** A value as an environment variable holds it: YAML if it is that, else the text. */
export function parseValue(text: string): unknown {
  const document = parseDocument(text, OPTIONS)
  if (document.errors.length > 0) return text
  try {
    return document.toJS({ maxAliasCount: ALIASED_NODES_MAX })
  } catch {
    return text
  }
}

function toValue(document: Document, source: Source): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASED_NODES_MAX })
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    const message = error.message.includes('Excessive alias')
      ? `the aliases (*name) stand for more than ${ALIASED_NODES_MAX} values`
      : error.message
    throw new ConfigError([{ path: [], message: `${source.name}: ${message}` }])
  }
}

function offsetOf(document: Document, path: Path): number | undefined {
  let node: Node | null | undefined = isNode(document.contents) ? document.contents : null
  let offset = path.length === 0 ? node?.range?.[0] : undefined
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document)
    let next: unknown
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      offset = isNode(pair.key) ? pair.key.range?.[0] : offset
      next = pair.value
    } else if (isSeq(node)) {
      next = node.items[Number(step)]
      offset = isNode(next) ? next.range?.[0] : offset
    }
    if (!isNode(next)) return offset
    node = next
  }
  return offset
}
