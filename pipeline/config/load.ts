/** source → parse → expand → decode → validate: a configuration, or all that is wrong with it. */
import { KINDS } from '../component.ts'
import type { Config } from './config.ts'
import { decode } from './decode.ts'
import { type Environment, expand, pathKey } from './expand.ts'
import type { Factories } from './factories.ts'
import { parseYaml } from './parse.ts'
import { ConfigError, type Problem } from './problems.ts'
import { decodeComponents, sectionOf } from './sections.ts'
import { serviceSchema } from './service_options.ts'
import type { Source } from './source.ts'
import { checkPipelines, checkReferencesAndIds } from './validate.ts'

const SECTIONS = [...KINDS.map(sectionOf), 'service']

/** Throws a ConfigError that lists every problem. */
export function loadConfig(
  source: Source,
  context: { factories: Factories; env: Environment },
): Config {
  const { value, locate } = parseYaml(source)
  const { value: root, texts, problems: unexpanded, unset } = expand(value, context.env)
  if (root === null || root === undefined) {
    throw new ConfigError([{ path: [], message: 'empty configuration file' }])
  }
  if (typeof root !== 'object' || Array.isArray(root)) {
    const message = `the configuration must be a map of sections: ${SECTIONS.join(', ')}`
    throw new ConfigError([{ path: [], message }], locate)
  }
  const sections = root as Record<string, unknown>
  const problems: Problem[] = [...unexpanded, ...checkTop(sections)]
  const components = decodeComponents(sections, { ...context, texts, problems })
  const service = decode(serviceSchema, { path: ['service'], value: sections.service, texts })
  if (!service.ok) {
    throw new ConfigError(withoutEchoes([...problems, ...service.problems], unexpanded), locate)
  }
  const checked = checkPipelines(service.value, components)
  problems.push(...checked.problems, ...checkReferencesAndIds(service.value, components))
  if (problems.length > 0) throw new ConfigError(withoutEchoes(problems, unexpanded), locate)
  return {
    components,
    pipelines: checked.pipelines,
    extensions: service.value.extensions,
    service: service.value,
    unset,
    locate,
  }
}

/** What could not be expanded is not also of the wrong type. */
function withoutEchoes(problems: readonly Problem[], unexpanded: readonly Problem[]): Problem[] {
  const places = new Set(unexpanded.map(({ path }) => pathKey(path)))
  return problems.filter((p) => unexpanded.includes(p) || !places.has(pathKey(p.path)))
}

function checkTop(root: Record<string, unknown>): Problem[] {
  const problems: Problem[] = []
  for (const key of Object.keys(root)) {
    if (SECTIONS.includes(key)) continue
    const message = `has invalid keys: ${key} (valid keys: [${SECTIONS.join(' ')}])`
    problems.push({ path: [], message, at: [key] })
  }
  for (const kind of ['receiver', 'exporter'] as const) {
    if (isEmpty(root[sectionOf(kind)])) {
      problems.push({ path: [], message: `no ${kind} configuration specified in config` })
    }
  }
  return problems
}

function isEmpty(section: unknown): boolean {
  if (section === undefined || section === null) return true
  return typeof section === 'object' && Object.keys(section).length === 0
}
