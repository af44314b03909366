/** decode → validate: what was resolved becomes a configuration, or all that is wrong with it. */
import type { Config } from './config.ts'
import { decode } from './decode.ts'
import type { Factories } from './factories.ts'
import { pathKey } from './located.ts'
import { ConfigError, type Problem } from './problems.ts'
import { type Environment, Providers } from './providers.ts'
import { locateIn, type Resolved, resolveSources } from './resolve.ts'
import { decodeComponents, namedIn, SECTIONS, sectionOf } from './sections.ts'
import { type ServiceOptions, serviceSchema } from './service_options.ts'
import type { Source } from './source.ts'
import { checkExtensions, checkIds, checkPipelines, checkUses } from './validate.ts'

export interface Decoding {
  readonly factories: Factories
  /** Whether rules between options and between sections are checked; they are. */
  readonly validate?: boolean
}

/** Reads neither files nor the environment. Throws a ConfigError that lists every problem. */
export function decodeConfig(resolved: Resolved, options: Decoding): Config {
  const { factories, validate = true } = options
  // Of a section that could not be expanded nobody knows what it would have held.
  const isWhole = !resolved.problems.some(({ path }) => path.length <= 1)
  const { value: root, texts, problems: unexpanded } = resolved
  const locate = locateIn(resolved)
  if (root === null || typeof root !== 'object' || Object.keys(root).length === 0) {
    const empty = { path: [], message: 'empty configuration file' }
    throw new ConfigError(unexpanded.length > 0 ? unexpanded : [empty], locate)
  }
  const sections = root as Record<string, unknown>
  const problems: Problem[] = [...unexpanded, ...checkTop(sections, validate && isWhole)]
  const components = decodeComponents(sections, { factories, validate, texts, problems })
  const named = namedIn(sections)
  const service = decodeService(sections.service, { texts, problems })
  const references = service ?? referencesOf(sections.service, texts)
  const checked = references && checkPipelines(references, named)
  if (checked && validate && isWhole) {
    problems.push(...checked.problems, ...checkExtensions(references, named))
    problems.push(...checkIds(components))
    const { extensions } = references
    problems.push(...checkUses(checked.pipelines, { components, extensions }))
  }
  if (service === undefined || checked === undefined || problems.length > 0) {
    throw new ConfigError(withoutEchoes(problems, unexpanded), locate)
  }
  return {
    components,
    pipelines: checked.pipelines,
    extensions: service.extensions,
    service,
    unset: resolved.unset,
    empty: resolved.empty,
    locate,
  }
}

/** Resolves and decodes one text. */
export function loadConfig(
  source: Source,
  { factories, env }: { factories: Factories; env: Environment },
): Config {
  return decodeConfig(resolveSources([source], { providers: new Providers(env) }), { factories })
}

type Texts = Resolved['texts']

function decodeService(
  value: unknown,
  { texts, problems }: { texts: Texts; problems: Problem[] },
): ServiceOptions | undefined {
  const decoded = decode(serviceSchema, { path: ['service'], value, texts })
  if (decoded.ok) return decoded.value
  problems.push(...decoded.problems)
  return undefined
}

/** What pipelines name can be checked, whatever else of the section is wrong. */
function referencesOf(service: unknown, texts: Texts): ServiceOptions | undefined {
  if (typeof service !== 'object' || service === null) return undefined
  const { pipelines, extensions } = service as Record<string, unknown>
  const decoded = decode(serviceSchema, {
    path: ['service'],
    value: { pipelines, extensions },
    texts,
  })
  return decoded.ok ? decoded.value : undefined
}

/** What could not be expanded is not also of the wrong type. */
function withoutEchoes(problems: readonly Problem[], unexpanded: readonly Problem[]): Problem[] {
  const places = new Set(unexpanded.map(({ path }) => pathKey(path)))
  return problems.filter((p) => unexpanded.includes(p) || !places.has(pathKey(p.path)))
}

function checkTop(root: Record<string, unknown>, validate: boolean): Problem[] {
  const problems: Problem[] = []
  for (const key of Object.keys(root)) {
    if (SECTIONS.includes(key)) continue
    const message = `has invalid keys: ${key} (valid keys: [${SECTIONS.join(' ')}])`
    problems.push({ path: [], message, at: [key] })
  }
  for (const kind of ['receiver', 'exporter'] as const) {
    if (validate && isEmpty(root[sectionOf(kind)])) {
      problems.push({ path: [], message: `no ${kind} configuration specified in config` })
    }
  }
  return problems
}

function isEmpty(section: unknown): boolean {
  if (section === undefined || section === null) return true
  return typeof section === 'object' && Object.keys(section).length === 0
}
