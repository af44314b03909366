/**
 * `${…}` in the values of a configuration (keys are left alone), by the Collector's rules:
 *
 *     ${env:NAME}   ${NAME}         the environment variable, null when it is not set
 *     ${env:NAME:-default}          with a default for when it is not set
 *     ${env:${OTHER}}               inside out
 *     $$                            one dollar sign, so $${NAME} is the text ${NAME}
 *     $NAME                         the text $NAME
 *
 * A value that is nothing but one `${…}` is read as YAML: a number, a list, a map. What the
 * variable says literally is kept beside it, for options that want text (see `decode.ts`).
 */
import { parseValue } from './parse.ts'
import type { Path, Problem } from './problems.ts'

const ROUNDS_MAX = 1000
const ENV_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const URI = /^([A-Za-z][A-Za-z0-9+.-]+):([\s\S]*)$/

export type Environment = Readonly<Record<string, string | undefined>>

export interface Expanded {
  readonly value: unknown
  /** The literal text of values that came whole from a `${…}`, by `pathKey`. */
  readonly texts: ReadonlyMap<string, string>
  readonly problems: readonly Problem[]
  /** Variables that the configuration names but that are not set. */
  readonly unset: readonly string[]
}

export function pathKey(path: Path): string {
  return path.map(String).join('\n')
}

export function expand(value: unknown, env: Environment): Expanded {
  const expander = new Expander(env)
  return { value: expander.expand(value, []), ...expander.found }
}

class Expander {
  readonly found = {
    texts: new Map<string, string>(),
    problems: [] as Problem[],
    unset: [] as string[],
  }
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  expand(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return this.#text(value, path, 0)
    if (Array.isArray(value)) return value.map((item, i) => this.expand(item, [...path, i]))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.expand(item, [...path, key])]),
    )
  }

  #text(text: string, path: Path, round: number): unknown {
    if (!text.includes('$')) return text
    if (round > ROUNDS_MAX) return this.#problem(path, 'too many recursive expansions')
    if (text.startsWith('${') && closing(text, 0) === text.length - 1) {
      const raw = this.#retrieve(this.#inner(text.slice(2, -1), path, round), path)
      if (raw === undefined) return null
      if (raw.includes('${')) return this.#text(raw, path, round + 1)
      const value = parseValue(raw)
      if (typeof value !== 'string' || value !== raw) this.found.texts.set(pathKey(path), raw)
      return value
    }
    return this.#inner(text, path, round)
  }

  /** Expands every `${…}` inside a text to text. */
  #inner(text: string, path: Path, round: number): string {
    let out = ''
    for (let at = 0; at < text.length; ) {
      const dollar = text.indexOf('$', at)
      if (dollar < 0) return out + text.slice(at)
      out += text.slice(at, dollar)
      const end = text[dollar + 1] === '{' ? closing(text, dollar) : -1
      if (end >= 0) {
        out += this.#inline(text.slice(dollar + 2, end), path, round)
        at = end + 1
      } else {
        out += '$'
        at = dollar + (text[dollar + 1] === '$' ? 2 : 1)
      }
    }
    return out
  }

  #inline(reference: string, path: Path, round: number): string {
    if (round > ROUNDS_MAX) return this.#problem(path, 'too many recursive expansions')
    const raw = this.#retrieve(this.#inner(reference, path, round + 1), path) ?? ''
    return raw.includes('${') ? this.#inner(raw, path, round + 1) : raw
  }

  /** The text that a reference stands for, undefined when it is not set. */
  #retrieve(reference: string, path: Path): string | undefined {
    const [, scheme, opaque] = URI.exec(reference) ?? [undefined, 'env', reference]
    if (scheme !== 'env') {
      return this.#problem(path, `scheme "${scheme}" is not supported for uri "${reference}"`)
    }
    const at = (opaque as string).indexOf(':-')
    const name = at < 0 ? (opaque as string) : (opaque as string).slice(0, at)
    if (!ENV_NAME.test(name)) {
      const rule = 'must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$'
      return this.#problem(path, `environment variable "${name}" has invalid name: ${rule}`)
    }
    const value = this.#env[name]
    if (value !== undefined) return value
    if (at >= 0) return (opaque as string).slice(at + 2)
    this.found.unset.push(name)
    return undefined
  }

  #problem(path: Path, message: string): string {
    this.found.problems.push({ path, message })
    return ''
  }
}

/** The index of the brace that closes the `${` at `start`, or -1. */
function closing(text: string, start: number): number {
  let depth = 0
  for (let i = start; i < text.length; i++) {
    if (text[i] === '$' && text[i + 1] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}
