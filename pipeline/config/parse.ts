/** YAML text to values with their places. Safe with any text (see `bombs.ts`). */
import { Composer, type Document, LineCounter, Parser, type ScalarTag, type Tags } from 'yaml'
import { Bomb, nestingBomb, TEXT_MAX, tooDeep } from './bombs.ts'
import type { Located } from './located.ts'
import { NodeReader } from './nodes.ts'
import { ConfigError, type Place } from './problems.ts'
import type { Source } from './source.ts'

/** What follows the first mistakes is mostly their echo. */
const PROBLEMS_MAX = 20

/** Integers that Go's YAML reads and YAML 1.2 does not: `0123` is octal, `0b101` binary. */
const GO_INTEGER: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0(?:[0-7]+|b[01]+)$/,
  resolve: (text: string) => {
    const [, sign, digits = ''] = /^([-+]?)0(.+)$/.exec(text) ?? []
    const [base, from] = digits.startsWith('b') ? [2, 1] : [8, 0]
    return Number.parseInt(digits.slice(from), base) * (sign === '-' ? -1 : 1)
  },
}

const OPTIONS = {
  prettyErrors: false,
  // `NodeReader` looks for them, in a time that does not grow with the square of the keys.
  uniqueKeys: false,
  customTags: (tags: Tags): Tags => [GO_INTEGER, ...tags],
} as const

/** Throws a ConfigError with all that is wrong with the YAML; a Bomb when it is one. */
export function parseYaml(source: Source): Located {
  const { name: file, text } = source
  const counter = new LineCounter()
  const place = (offset: number): Place => {
    if (source.lines === false) return { file }
    const { line, col } = counter.linePos(offset)
    return { file, line, column: col }
  }
  if (text.length > TEXT_MAX) {
    throw new Bomb(`the text is too large: more than ${TEXT_MAX} characters`, { file })
  }
  const tokens = [...new Parser(counter.addNewLine).parse(text)]
  const deep = tooDeep(tokens)
  if (deep !== undefined) throw nestingBomb(place(deep))
  const [document, second] = new Composer(OPTIONS).compose(tokens, true, text.length)
  if (document === undefined) throw new Error('The YAML composer made no document')
  const problems = document.errors.slice(0, PROBLEMS_MAX).map((error) => ({
    path: [],
    message: error.message,
    place: place(error.pos[0]),
  }))
  if (second !== undefined) {
    const at = place(second.range[0])
    problems.push({ path: [], message: 'yaml: more than one document', place: at })
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return new NodeReader(document as Document.Parsed, place).read()
}

/**
 * A value as a variable or a file holds it: YAML, or the text itself when it is not YAML or is
 * YAML for a text. Throws a Bomb.
 */
export function parseValue(source: Source): Located | string {
  try {
    const parsed = parseYaml(source)
    return typeof parsed.value === 'string' ? source.text : parsed
  } catch (error) {
    if (error instanceof ConfigError && !(error instanceof Bomb)) return source.text
    throw error
  }
}
