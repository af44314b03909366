/**
 * From what the command line names to one tree of values: retrieve → merge → expand. All that
 * reads files or the environment is here and below; `load.ts` goes on and reads nothing.
 */

import { expand } from './expand.ts'
import { isMap, type Located, pathKey } from './located.ts'
import { type MergeOptions, merge, unflatten } from './merge.ts'
import { parseYaml } from './parse.ts'
import { ConfigError, type Path, type Place, type Problem } from './problems.ts'
import { type Environment, NAME_MAX, Providers, parseLocation, RetrieveError } from './providers.ts'
import { SECTIONS } from './sections.ts'
import type { Source } from './source.ts'

export interface ConfigArguments extends MergeOptions {
  /** Each `--config`, in order: `file:…`, `env:…`, `yaml:…`, or a path. */
  readonly uris: readonly string[]
  /** Each `--set`, in order: `a.b=c`. They come after all `uris`. */
  readonly sets?: readonly string[]
}

/**
 * A configuration that was read and not yet decoded. Plain data: it survives JSON, so a process
 * that may read files can hand it to one that may not. Keys of the records are `pathKey`s.
 */
export interface Resolved {
  readonly value: unknown
  /** The literal text of values that came whole from a `${…}`. */
  readonly texts: Readonly<Record<string, string>>
  /** Where each value was written. */
  readonly places: Readonly<Record<string, Place>>
  /** What could not be expanded. `decodeConfig` tells it with all else that is wrong. */
  readonly problems: readonly Problem[]
  /** Environment variables that are named but not set. */
  readonly unset: readonly string[]
  /** Environment variables that are set but empty. */
  readonly empty: readonly string[]
  /** Absolute paths of every file that was read, to watch. */
  readonly files: readonly string[]
}

/**
 * Throws a ConfigError with all that is wrong with the YAML of all sources, or an Error that says
 * why a source cannot be had.
 */
export async function resolveConfig(
  { uris, sets = [], ...options }: ConfigArguments,
  env: Environment,
): Promise<Resolved> {
  const providers = new Providers(env)
  const sources = [...retrieveAll(uris, providers), ...sets.map(parseSet)]
  return resolveSources(sources, { providers, ...options })
}

export function resolveSources(
  sources: readonly Source[],
  { providers, ...options }: MergeOptions & { readonly providers: Providers },
): Resolved {
  const problems: Problem[] = []
  const trees: Located[] = []
  for (const source of sources) {
    try {
      trees.push(...treeOf(source))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(...error.problems)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  const [first, ...rest] = trees
  const whole = first && rest.reduce((all, tree) => merge(all, tree, options), first)
  return {
    ...(whole ? expand(whole, providers) : NOTHING),
    unset: [...providers.unset],
    empty: [...providers.empty],
    files: [...providers.files],
  }
}

const NOTHING = { value: null, texts: {}, places: {}, problems: [] }

function retrieveAll(uris: readonly string[], providers: Providers): Source[] {
  const locations = uris.map(parseLocation)
  return locations.flatMap((uri) => {
    try {
      return providers.retrieve(uri) ?? []
    } catch (error) {
      if (!(error instanceof RetrieveError)) throw error
      throw new Error(`cannot retrieve the configuration: ${error.message}`, { cause: error })
    }
  })
}

/** `a.b=c` is the source `a::b: c`. */
export function parseSet(text: string): Source {
  const equals = text.indexOf('=')
  if (equals < 0) throw new Error('missing equal sign')
  const key = text.slice(0, equals).trim()
  const value = text.slice(equals + 1).trim()
  const yaml = `${key.replaceAll('.', '::')}: ${value}`
  return { name: `--set ${key.slice(0, NAME_MAX)}`, text: yaml, lines: false }
}

/** The map that a source is; none when it is empty. */
function treeOf(source: Source): Located[] {
  const tree = parseYaml(source)
  if (tree.value === null) return []
  if (isMap(tree.value)) return [unflatten(tree)]
  const message = `the configuration must be a map of sections: ${SECTIONS.join(', ')}`
  throw new ConfigError([{ path: [], message, place: tree.place }])
}

/** Finds the place of the deepest part of a path that was written anywhere. */
export function locateIn({ places }: Resolved): (path: Path) => Place | undefined {
  return (path) => {
    for (let length = path.length; length >= 0; length--) {
      const key = pathKey(path.slice(0, length))
      if (Object.hasOwn(places, key)) return places[key]
    }
    return undefined
  }
}
