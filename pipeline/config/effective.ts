/** A configuration as it takes effect: with every default, as a user would write it. */
import { KINDS, type Kind } from '../component.ts'
import type { Factories } from './factories.ts'
import { parseComponentId } from './ids.ts'
import { type JsonSchema, jsonSchemaOf } from './json_schema.ts'
import { pathKey } from './located.ts'
import type { Path } from './problems.ts'
import type { Resolved } from './resolve.ts'
import { sectionOf } from './sections.ts'
import { serviceSchema } from './service_options.ts'

export const MASK = '[REDACTED]'

interface Filling {
  readonly resolved: Resolved
  /** Whether secrets are shown. */
  readonly unredacted: boolean
}

type Tree = Readonly<Record<string, unknown>>

/** Of a configuration that `decodeConfig` has found right. */
export function effectiveConfig(
  resolved: Resolved,
  { factories, unredacted }: { factories: Factories; unredacted: boolean },
): Tree {
  const filling = { resolved, unredacted }
  const root = treeOf(resolved.value)
  const entries = KINDS.flatMap((kind): [string, unknown][] => {
    const section = sectionOf(kind)
    if (!Object.hasOwn(root, section)) return []
    const ids = Object.entries(treeOf(root[section])).map(([id, value]) => {
      const json = jsonOf(factories, kind, id)
      return [id, fill(json, value ?? {}, { ...filling, path: [section, id] })]
    })
    return [[section, Object.fromEntries(ids)]]
  })
  const service = fill(jsonSchemaOf(serviceSchema), root.service ?? {}, {
    ...filling,
    path: ['service'],
  })
  return Object.fromEntries([...entries, ['service', service]])
}

function treeOf(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}
}

function jsonOf(factories: Factories, kind: Kind, text: string): JsonSchema {
  const id = parseComponentId(text)
  const factory = typeof id === 'string' ? undefined : factories.get(kind, id.type)
  return factory === undefined ? {} : jsonSchemaOf(factory.schema)
}

interface At extends Filling {
  readonly path: Path
}

/** The value, or its default; undefined for what is not set and has none. */
function fill(json: JsonSchema, value: unknown, at: At): unknown {
  const branch = branchFor(json, value)
  if (branch !== json) return fill({ default: json.default, ...branch }, value, at)
  if (json.properties !== undefined && isSection(json, value)) {
    return fillMap(json, treeOf(value ?? json.default), at)
  }
  if (value === undefined || value === null) return json.default ?? value
  if (Array.isArray(value)) {
    return value.map((item, i) => fill(json.items ?? {}, item, { ...at, path: [...at.path, i] }))
  }
  if (typeof value === 'object') return fillMap(json, treeOf(value), at)
  const text = json.type === 'string' ? literal(value, at) : value
  return at.unredacted ? text : redacted(json, text)
}

/** The password that a URL may hold: `https://user:password@host`. */
const URL_PASSWORD = /^([a-z][a-z0-9+.-]*:\/\/[^/?#@]*?:)[^/?#]*@/i

function redacted(json: JsonSchema, text: unknown): unknown {
  if (typeof text === 'string') {
    return json.writeOnly === true && text !== '' ? MASK : text.replace(URL_PASSWORD, `$1${MASK}@`)
  }
  return json.writeOnly === true ? MASK : text
}

/** A section that is named and empty is all defaults; one that is not named may be off. */
function isSection(json: JsonSchema, value: unknown): boolean {
  return value === undefined ? json.default !== undefined : typeof value === 'object'
}

function fillMap(json: JsonSchema, value: Tree, at: At): Tree {
  const extra = typeof json.additionalProperties === 'object' ? json.additionalProperties : {}
  const known = json.properties ?? {}
  const keys = [...new Set([...Object.keys(known), ...Object.keys(value)])]
  const entries = keys.map((key) => {
    const own = Object.hasOwn(value, key) ? value[key] : undefined
    const option = Object.hasOwn(known, key) ? (known[key] as JsonSchema) : extra
    return [key, fill(option, own, { ...at, path: [...at.path, key] })] as const
  })
  return Object.fromEntries(entries.filter(([, filled]) => filled !== undefined))
}

/** The alternative that a value is meant for; without alternatives where none is. */
function branchFor(json: JsonSchema, value: unknown): JsonSchema {
  const { anyOf, oneOf, ...others } = json
  const branches = anyOf ?? oneOf
  if (branches === undefined) return json
  const wanted = Array.isArray(value) ? 'array' : value === null ? 'object' : typeof value
  return branches.find((branch) => branch.type === wanted) ?? others
}

/** Text that came from a `${…}` is what that says, and not what YAML makes of it. */
function literal(value: unknown, { resolved, path }: At): unknown {
  const key = pathKey(path)
  return Object.hasOwn(resolved.texts, key) ? resolved.texts[key] : value
}
