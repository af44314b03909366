/**
 * Where configuration comes from, by the scheme of a URI: `file:`, `env:`, `yaml:`. One set of
 * providers serves one resolution: each file is read once, so that all of it is of one moment.
 *
 * Files are read while everything else waits: whoever resolves a configuration has nothing else to
 * do until it is there.
 */
import { readFileSync } from 'node:fs'
import { normalize, resolve } from 'node:path'
import type { Source } from './source.ts'

/** In the order of their names. */
export const SCHEMES: readonly string[] = ['env', 'file', 'yaml']

export type Environment = Readonly<Record<string, string | undefined>>

const URI = /^([A-Za-z][A-Za-z0-9+.-]+):([\s\S]*)$/
const ENV_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

export interface Uri {
  readonly scheme: string
  readonly opaque: string
  /** `scheme:opaque` */
  readonly text: string
}

export function parseUri(text: string): Uri | undefined {
  const [, scheme, opaque] = URI.exec(text) ?? []
  return scheme === undefined || opaque === undefined ? undefined : { scheme, opaque, text }
}

/** Known, but not supported: retrieving says so. */
const REMOTE = ['http', 'https']

/** A `--config` argument: no scheme, or one letter, is a file. Throws when nothing can read it. */
export function parseLocation(text: string): Uri {
  if (!text.includes(':') || /^[A-Za-z]:/.test(text)) {
    return { scheme: 'file', opaque: text, text: `file:${text}` }
  }
  const uri = parseUri(text)
  if (uri === undefined) throw new Error(`invalid uri: "${text}"`)
  if (![...SCHEMES, ...REMOTE].includes(uri.scheme)) {
    throw new Error(`unsupported scheme on URI "${text}"`)
  }
  return uri
}

/** Why a URI gives nothing. */
export class RetrieveError extends Error {}

/** Of what messages call a source, in characters. */
export const NAME_MAX = 100

export class Providers {
  /** Variables that are named but not set, and that are set but empty. */
  readonly unset = new Set<string>()
  readonly empty = new Set<string>()
  /** Absolute paths of the files that were read, or could not be. */
  readonly files = new Set<string>()
  readonly #env: Environment
  readonly #texts = new Map<string, string>()

  constructor(env: Environment) {
    this.#env = env
  }

  /** What a URI stands for, undefined for a variable that is not set. Throws a RetrieveError. */
  retrieve({ scheme, opaque, text }: Uri): Source | undefined {
    if (scheme === 'env') return this.#variable(opaque)
    if (scheme === 'file') return { name: normalize(opaque), text: this.#file(opaque) }
    if (scheme === 'yaml') return { name: yamlName(opaque), text: opaque, lines: false }
    throw new RetrieveError(`scheme "${scheme}" is not supported for uri "${text}"`)
  }

  #variable(opaque: string): Source | undefined {
    const at = opaque.indexOf(':-')
    const name = at < 0 ? opaque : opaque.slice(0, at)
    if (!ENV_NAME.test(name)) {
      const rule = `must match regex ${ENV_NAME.source}`
      throw new RetrieveError(`environment variable "${name}" has invalid name: ${rule}`)
    }
    const value = this.#env[name]
    if (value === '') this.empty.add(name)
    if (value !== undefined) return { name: `env:${name}`, text: value }
    if (at >= 0) return { name: `env:${name}`, text: opaque.slice(at + 2), isDefault: true }
    this.unset.add(name)
    return undefined
  }

  #file(opaque: string): string {
    const path = resolve(opaque)
    this.files.add(path)
    const known = this.#texts.get(path)
    if (known !== undefined) return known
    try {
      const text = readFileSync(path, 'utf8')
      this.#texts.set(path, text)
      return text
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new RetrieveError(`unable to read the file file:${opaque}: ${reason}`)
    }
  }
}

/** Of `yaml:` only the keys it begins with: what follows them may be a secret. */
function yamlName(opaque: string): string {
  const [keys = ''] = /^[\w/.-]+(?:::[\w/.-]+)*(?=:)/.exec(opaque.slice(0, NAME_MAX)) ?? []
  return `yaml:${keys}`
}
