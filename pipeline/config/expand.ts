/**
 * `${…}` in the values of a configuration (keys are left alone), by the Collector's rules:
 *
 *     ${env:NAME}   ${NAME}         the environment variable, null when it is not set
 *     ${env:NAME:-default}          with a default for when it is not set
 *     ${file:PATH}   ${yaml:TEXT}   what a file holds, and what the text says
 *     ${env:${OTHER}}               inside out
 *     $$                            one dollar sign, so $${NAME} is the text ${NAME}
 *     $NAME                         the text $NAME
 *
 * A value that is nothing but one `${…}` is read as YAML: a number, a list, a map. What the
 * variable says literally is kept beside it, for options that want text (see `decode.ts`). What
 * comes of an expansion is expanded in turn.
 */
import { DEPTH_MAX } from './bombs.ts'
import { isList, isMap, type Located, pathKey } from './located.ts'
import { parseValue } from './parse.ts'
import { ConfigError, type Path, type Place, type Problem } from './problems.ts'
import { type Providers, parseUri, RetrieveError } from './providers.ts'
import { type Piece, type Reference, references } from './references.ts'
import type { Source } from './source.ts'

const ROUNDS_MAX = 1000
// Of all values together. Seventeen variables that each name the next one twice exceed the first.
const RETRIEVALS_MAX = 100_000
const RETRIEVED_CHARACTERS_MAX = 2 ** 26
const VALUES_MAX = 1_000_000

export interface Expanded {
  readonly value: unknown
  /** The literal text of values that came whole from a `${…}`, by `pathKey`. */
  readonly texts: Readonly<Record<string, string>>
  /** Where each value was written, by `pathKey`. */
  readonly places: Readonly<Record<string, Place>>
  readonly problems: readonly Problem[]
}

export function expand(located: Located, providers: Providers): Expanded {
  return new Expander(providers).run(located)
}

/** Why one value cannot be expanded. */
class ExpandError extends Error {}

/** Why a value cannot be expanded, nor anything else of what it began with. */
class TooMany extends ExpandError {
  constructor() {
    super('too many recursive expansions')
  }
}

/** Why nothing can be expanded any more. */
class Exhausted extends TooMany {}

/** Where in the configuration a value stands, and how many expansions it is inside of. */
interface At {
  readonly path: Path
  readonly round: number
}

class Expander {
  readonly #providers: Providers
  readonly #texts = new Map<string, string>()
  readonly #places = new Map<string, Place>()
  readonly #problems: Problem[] = []
  #retrievals = 0
  #characters = 0
  #values = 0
  #isExhausted = false

  constructor(providers: Providers) {
    this.#providers = providers
  }

  run(located: Located): Expanded {
    return {
      value: this.#expand(located, { path: [], round: 0 }),
      texts: Object.fromEntries(this.#texts),
      places: Object.fromEntries(this.#places),
      problems: this.#problems,
    }
  }

  /** What cannot be expanded is a problem, and null. */
  #expand(located: Located, at: At): unknown {
    const { path, round } = at
    this.#places.set(pathKey(path), located.place)
    try {
      return this.#isExhausted ? null : this.#value(located.value, at)
    } catch (error) {
      // It is the value where it began that is wrong, and not each place that it comes to.
      if (error instanceof TooMany && round > 0) throw error
      this.#isExhausted = error instanceof Exhausted
      this.#problems.push(...problemsOf(error, path))
      return null
    }
  }

  #value(value: Located['value'], { path, round }: At): unknown {
    if (++this.#values > VALUES_MAX) throw new Exhausted()
    if (path.length > DEPTH_MAX) {
      throw round > 0 ? new TooMany() : new ExpandError(`nested deeper than ${DEPTH_MAX} levels`)
    }
    if (typeof value === 'string') return this.#text(value, { path, round })
    const below = (child: Located, step: string | number) =>
      this.#expand(child, { path: [...path, step], round })
    if (isList(value)) return value.map(below)
    if (!isMap(value)) return value
    return Object.fromEntries(value.entries().map(([key, child]) => [key, below(child, key)]))
  }

  #text(text: string, { path, round }: At): unknown {
    if (!text.includes('$')) return text
    const pieces = references(text)
    const [only] = pieces
    if (pieces.length !== 1 || typeof only !== 'object') {
      return singleDollars(this.#inline(pieces, round))
    }
    const source = this.#retrieve(only, round)
    if (source === undefined) return null
    // A default that is empty is a text; a variable or a file that is empty is null.
    if (source.isDefault && source.text === '') return ''
    const parsed = parseValue(source)
    const below = { path, round: round + 1 }
    if (typeof parsed === 'string') return this.#text(parsed, below)
    const value = this.#value(parsed.value, below)
    this.#texts.set(pathKey(path), singleDollars(this.#inline(references(source.text), round + 1)))
    return value
  }

  /** Puts the text of every reference in its place; `$$` stays for `singleDollars`. */
  #inline(pieces: readonly Piece[], round: number): string {
    let out = ''
    for (const piece of pieces) {
      out += typeof piece === 'string' ? piece : this.#textOf(piece, round)
    }
    return out
  }

  #textOf(reference: Reference, round: number): string {
    const text = this.#retrieve(reference, round)?.text ?? ''
    return text.includes('${') ? this.#inline(references(text), round + 1) : text
  }

  /** What a reference stands for, undefined for a variable that is not set. */
  #retrieve({ inside }: Reference, round: number): Source | undefined {
    if (round > ROUNDS_MAX) throw new TooMany()
    if (++this.#retrievals > RETRIEVALS_MAX) throw new Exhausted()
    const named = this.#inline(inside, round + 1)
    const text = named.includes(':') ? named : `env:${named}`
    const uri = parseUri(text)
    if (uri === undefined) throw new ExpandError(`invalid uri: "${text}"`)
    if (uri.opaque.includes('$')) {
      throw new ExpandError(`the uri "${text}" contains unsupported characters ('$')`)
    }
    const source = this.#providers.retrieve(uri)
    this.#characters += source?.text.length ?? 0
    if (this.#characters > RETRIEVED_CHARACTERS_MAX) throw new Exhausted()
    // The end of a file's last line is no part of the secret that the file holds.
    if (source === undefined || uri.scheme !== 'file') return source
    return { ...source, text: source.text.replace(/\r?\n$/, '') }
  }
}

function problemsOf(error: unknown, path: Path): Problem[] {
  if (error instanceof ConfigError) return error.problems.map((problem) => ({ ...problem, path }))
  if (error instanceof ExpandError || error instanceof RetrieveError) {
    return [{ path, message: error.message }]
  }
  throw error
}

function singleDollars(text: string): string {
  return text.replaceAll('$$', '$')
}
