/** The sections of components: `receivers`, `processors`, … */
import { KINDS, type Kind } from '../component.ts'
import type { ComponentConfig, Components } from './config.ts'
import { decode, type Section } from './decode.ts'
import type { Factories } from './factories.ts'
import { parseComponentId } from './ids.ts'
import { below, type Path, type Problem } from './problems.ts'

export interface SectionsDecoding {
  readonly factories: Factories
  readonly validate: boolean
  readonly texts: Readonly<Record<string, string>>
  /** Filled while decoding goes on. */
  readonly problems: Problem[]
}

export function sectionOf(kind: Kind): string {
  return `${kind}s`
}

/** What a configuration may have at its top. */
export const SECTIONS: readonly string[] = [...KINDS.map(sectionOf), 'service']

/** Types that the Collector had, and that its users still have in old configurations. */
const DEPRECATED: { readonly [kindAndType: string]: string } = {
  'exporter/logging': 'the logging exporter has been deprecated, use the debug exporter instead',
}

/** Everything that is a map, or null for one that was left empty. */
export function entriesOf(value: unknown, path: Path, problems: Problem[]): [string, unknown][] {
  if (value === undefined || value === null) return []
  if (typeof value === 'object' && !Array.isArray(value)) return Object.entries(value)
  const found = Array.isArray(value) ? 'list' : typeof value
  problems.push({ path, message: `expected a map or struct, got "${found}"` })
  return []
}

export function decodeComponents(
  root: Record<string, unknown>,
  decoding: SectionsDecoding,
): Components {
  return Object.fromEntries(
    KINDS.map((kind) => [kind, decodeKind(kind, root[sectionOf(kind)], decoding)]),
  ) as unknown as Components
}

/** The ids that stand in the sections, also those of types that nobody knows. */
export type Named = Readonly<Record<Kind, { has(id: string): boolean }>>

export function namedIn(root: Record<string, unknown>): Named {
  const idsOf = (kind: Kind) =>
    entriesOf(root[sectionOf(kind)], [], []).map(([key]) => {
      const id = parseComponentId(key)
      return typeof id === 'string' ? key : id.text
    })
  return Object.fromEntries(KINDS.map((kind) => [kind, new Set(idsOf(kind))])) as unknown as Named
}

function decodeKind(
  kind: Kind,
  value: unknown,
  decoding: SectionsDecoding,
): Map<string, ComponentConfig> {
  const components = new Map<string, ComponentConfig>()
  const section = [sectionOf(kind)]
  const seen = new Set<string>()
  for (const [key, body] of entriesOf(value, section, decoding.problems)) {
    const path = [...section, key]
    const id = parseComponentId(key)
    if (typeof id === 'string' || seen.has(id.text)) {
      const message = typeof id === 'string' ? id : `duplicate name "${id.text}"`
      decoding.problems.push({ path, message })
      continue
    }
    seen.add(id.text)
    const factory = decoding.factories.get(kind, id.type)
    if (factory === undefined) {
      const valid = decoding.factories.types(kind).join(' ')
      const message = `unknown type: "${id.type}" for id: "${id.text}" (valid values: [${valid}])`
      decoding.problems.push({ path, message: DEPRECATED[`${kind}/${id.type}`] ?? message })
      continue
    }
    const config = decodeOne(factory, { path, value: body, texts: decoding.texts }, decoding)
    // A section with problems stays in the map, so that what refers to it adds no problem.
    components.set(id.text, { kind, id, factory, config, path } as ComponentConfig)
  }
  return components
}

function decodeOne(
  factory: ComponentConfig['factory'],
  section: Section,
  { problems, validate }: SectionsDecoding,
): unknown {
  const decoded = decode(factory.schema, section)
  if (!decoded.ok) {
    problems.push(...decoded.problems)
    return undefined
  }
  if (validate) problems.push(...below(section.path, factory.validate?.(decoded.value) ?? []))
  return decoded.value
}
