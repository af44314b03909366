/**
 * One section, by its schema: the value, or what is wrong with it in the Collector's words.
 *
 * Two of the Collector's leniencies are applied where, and only where, the schema refuses a value:
 * - null is an option that was not set, unless the option gives null a meaning;
 * - an option that wants text gets the literal text of a `${…}`, not what YAML makes of it:
 *   `${PASSWORD}` with PASSWORD=0123 is "0123" for text and 83 for a number.
 */
import { type ZodType, z } from 'zod'
import { jsonSchemaAt, jsonSchemaOf } from './json_schema.ts'
import { pathKey } from './located.ts'
import type { Path, Problem } from './problems.ts'

type Issue = z.core.$ZodIssue

export interface Section {
  /** Where the section stands in the file. */
  readonly path: Path
  /** null is a section that was named and left empty. */
  readonly value: unknown
  /** Literal texts of expanded values, by the `pathKey` from the top of the file. */
  readonly texts: Readonly<Record<string, string>>
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export function decode<T>(schema: ZodType<T>, section: Section): Decoded<T> {
  let input: unknown = section.value ?? {}
  let result = schema.safeParse(input)
  let issues = issuesOf(result.error, input)
  // Every round settles at least one place for good, so there are no more rounds than places.
  const settled = new Set<string>()
  while (!result.success) {
    const relaxed = relax(input, issues, section, settled)
    if (relaxed === undefined) break
    input = relaxed
    result = schema.safeParse(input)
    issues = issuesOf(result.error, input)
  }
  if (result.success) return { ok: true, value: result.data }
  return { ok: false, problems: issues.map(problemOf) }

  function problemOf(issue: Issue): Problem {
    const path = [...section.path, ...pathOf(issue)]
    const message = describe(issue, { input, schema })
    return issue.code === 'unrecognized_keys'
      ? { path, message, at: [...path, issue.keys[0] as string] }
      : { path, message }
  }
}

/**
 * What is wrong. Of an option that may be written in several ways (`headers` as a map or a list) it
 * is what is wrong with the one that was meant: with an item of the map, not with there being none.
 */
function issuesOf(error: z.ZodError | undefined, input: unknown): readonly Issue[] {
  return error?.issues.flatMap((issue) => meant(issue, input)) ?? []
}

function meant(issue: Issue, input: unknown): Issue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const found = at(input, pathOf(issue))
  if (typeof found !== 'object' || found === null) return [issue]
  // The others say that the value as a whole is of the wrong type.
  const branches = issue.errors.filter((branch) => branch.every((inner) => inner.path.length > 0))
  const [only, ...others] = branches
  if (only === undefined || others.length > 0) return [issue]
  return only.flatMap((inner) => meant({ ...inner, path: [...issue.path, ...inner.path] }, input))
}

/** The input with the leniencies applied where there is an issue, undefined when none applies. */
function relax(
  input: unknown,
  issues: readonly Issue[],
  section: Section,
  settled: Set<string>,
): unknown {
  let relaxed: unknown
  for (const issue of issues) {
    const path = pathOf(issue)
    const key = pathKey(path)
    if (path.length === 0 || settled.has(key)) continue
    const text = textOf(issue, section)
    const value = at(input, path)
    if (text === undefined && value !== null) continue
    settled.add(key)
    relaxed ??= structuredClone(input)
    const parent = at(relaxed, path.slice(0, -1)) as Record<string | number, unknown>
    const last = path.at(-1) as string | number
    if (text === undefined) delete parent[last]
    else parent[last] = text
  }
  return relaxed
}

/** The literal text of a `${…}`; that of an empty variable only where nothing but text will do. */
function textOf(issue: Issue, section: Section): string | undefined {
  const key = pathKey([...section.path, ...pathOf(issue)])
  const text = Object.hasOwn(section.texts, key) ? section.texts[key] : undefined
  const wantsText = issue.code === 'invalid_type' && issue.expected === 'string'
  return text === '' && !wantsText ? undefined : text
}

function pathOf(issue: Issue): (string | number)[] {
  return issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
}

function at(value: unknown, path: Path): unknown {
  let found = value
  for (const step of path) found = (found as Record<string | number, unknown> | undefined)?.[step]
  return found
}

function describe(issue: Issue, context: { input: unknown; schema: ZodType }): string {
  const found = at(context.input, pathOf(issue))
  switch (issue.code) {
    case 'unrecognized_keys':
      return `has invalid keys: ${issue.keys.join(', ')}${validKeys(context.schema, pathOf(issue))}`
    case 'invalid_type':
      if (found === undefined) return 'must be set'
      if (issue.expected === 'object' || issue.expected === 'record') {
        return `expected a map or struct, got "${typeName(found)}"`
      }
      if (issue.expected === 'array') {
        return `source data must be an array or slice, got ${typeName(found)}`
      }
      return `expected type '${typeOf(issue, context.schema)}', ${unconvertible(found)}`
    case 'invalid_value':
      return `must be one of [${issue.values.map(String).join(' ')}]: it is ${text(found)}`
    case 'too_small':
      return `must ${atLeast(issue)}: it is ${text(found)}`
    case 'too_big':
      return `must ${atMost(issue)}: it is ${text(found)}`
    case 'invalid_union':
      return describeUnion(issue, found)
    default:
      return issue.message
  }
}

function atLeast({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'string') return `have at least ${minimum} characters`
  if (origin === 'array') return `have at least ${minimum} items`
  return `be ${inclusive ? 'at least' : 'more than'} ${minimum}`
}

function atMost({ origin, maximum, inclusive }: z.core.$ZodIssueTooBig): string {
  if (origin === 'string') return `have at most ${maximum} characters`
  if (origin === 'array') return `have at most ${maximum} items`
  return `be ${inclusive ? 'at most' : 'less than'} ${maximum}`
}

/** None of the ways to write it: the types in one breath, where each wants another one. */
function describeUnion({ errors }: z.core.$ZodIssueInvalidUnion, found: unknown): string {
  const context = { input: found, schema: z.unknown() }
  const types = errors.map(([issue, ...others]) => {
    const isScalar = issue?.code === 'invalid_type' && !LISTS_AND_MAPS.includes(issue.expected)
    return isScalar && others.length === 0 ? `'${typeOf(issue, context.schema)}'` : undefined
  })
  if (types.some((type) => type === undefined)) {
    return errors.map((branch) => describeBranch(branch, found)).join(', or ')
  }
  return `expected type ${types.join(' or ')}, ${unconvertible(found)}`
}

const LISTS_AND_MAPS = ['array', 'object', 'record']

function describeBranch(branch: readonly Issue[], input: unknown): string {
  return branch.map((issue) => describe(issue, { input, schema: z.unknown() })).join(' and ')
}

/** The names that the map at `path` may have, from the schema. */
function validKeys(schema: ZodType, path: Path): string {
  const keys = Object.keys(jsonSchemaAt(jsonSchemaOf(schema), path)?.properties ?? {})
  return keys.length === 0 ? '' : ` (valid keys: [${keys.join(' ')}])`
}

/** Of a number, as the Collector names what it decodes to. */
function numberType(schema: ZodType, path: Path): string {
  return jsonSchemaAt(jsonSchemaOf(schema), path)?.type === 'integer' ? 'int' : 'float64'
}

function typeOf(issue: z.core.$ZodIssueInvalidType, schema: ZodType): string {
  if (issue.expected === 'boolean') return 'bool'
  return issue.expected === 'number' ? numberType(schema, pathOf(issue)) : issue.expected
}

function unconvertible(found: unknown): string {
  return `got unconvertible type '${typeName(found)}'`
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object') return 'map'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  return typeof value
}

function text(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`
  return typeof value === 'object' && value !== null ? `a ${typeName(value)}` : String(value)
}
