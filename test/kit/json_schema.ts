/**
 * As much of JSON Schema (draft 2020-12) as flowspan's schema uses. A keyword that it does not know
 * is an error, so that nothing is believed to be checked that is not.
 */
export interface Schema {
  readonly [keyword: string]: unknown
}

type Check = (value: unknown, given: never, at: At) => string[]

interface At {
  readonly path: string
  readonly root: Schema
  readonly schema: Schema
}

/** What is wrong with a value, each with its path; empty when it is valid. */
export function violations(value: unknown, root: Schema): string[] {
  return check(value, root, { path: '', root })
}

function check(value: unknown, schema: Schema, { path, root }: Omit<At, 'schema'>): string[] {
  return Object.entries(schema).flatMap(([keyword, given]) => {
    if (ANNOTATIONS.includes(keyword)) return []
    const keywordCheck = KEYWORDS[keyword]
    if (keywordCheck === undefined) throw new Error(`The checker does not know "${keyword}"`)
    return keywordCheck(value, given as never, { path, root, schema })
  })
}

const ANNOTATIONS = ['$schema', '$defs', 'title', 'description', 'default', 'writeOnly', 'format']

function wrong(at: At, message: string): string[] {
  return [`${at.path || '/'}: ${message}`]
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'object') return isMap(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

/** A check of numbers; values of other types are another keyword's business. */
function ofNumbers(fits: (value: number, limit: number) => boolean, says: string): Check {
  return (value, limit: number, at) =>
    typeof value === 'number' && !fits(value, limit) ? wrong(at, `${says} ${limit}`) : []
}

function ofTexts(fits: (value: string, given: never) => boolean, says: string): Check {
  return (value, given, at) =>
    typeof value === 'string' && !fits(value, given) ? wrong(at, `${says} ${given}`) : []
}

const KEYWORDS: { readonly [keyword: string]: Check } = {
  $ref: (value, ref: string, at) => {
    const name = ref.replace(/^#\/\$defs\//, '')
    const found = (at.root.$defs as Record<string, Schema>)[name]
    if (found === undefined) throw new Error(`${ref} is not defined`)
    return check(value, found, at)
  },
  type: (value, type: string | string[], at) => {
    const types = [type].flat()
    return types.some((t) => isOfType(value, t)) ? [] : wrong(at, `is not ${types.join(' or ')}`)
  },
  enum: (value, allowed: unknown[], at) =>
    allowed.includes(value) ? [] : wrong(at, `is not one of ${allowed.join(', ')}`),
  const: (value, only: unknown, at) => (value === only ? [] : wrong(at, `is not ${only}`)),
  pattern: ofTexts((value, pattern: string) => new RegExp(pattern, 'u').test(value), 'is not like'),
  minLength: ofTexts((value, min: number) => [...value].length >= min, 'is shorter than'),
  maxLength: ofTexts((value, max: number) => [...value].length <= max, 'is longer than'),
  minimum: ofNumbers((value, limit) => value >= limit, 'is less than'),
  maximum: ofNumbers((value, limit) => value <= limit, 'is more than'),
  exclusiveMinimum: ofNumbers((value, limit) => value > limit, 'is not more than'),
  exclusiveMaximum: ofNumbers((value, limit) => value < limit, 'is not less than'),
  minItems: (value, min: number, at) =>
    Array.isArray(value) && value.length < min ? wrong(at, `has fewer than ${min} items`) : [],
  maxItems: (value, max: number, at) =>
    Array.isArray(value) && value.length > max ? wrong(at, `has more than ${max} items`) : [],
  items: (value, items: Schema, at) =>
    Array.isArray(value)
      ? value.flatMap((item, i) => check(item, items, { ...at, path: `${at.path}/${i}` }))
      : [],
  required: (value, keys: string[], at) =>
    isMap(value)
      ? keys.filter((key) => !(key in value)).flatMap((key) => wrong(at, `lacks ${key}`))
      : [],
  propertyNames: (value, names: Schema, at) =>
    isMap(value) ? Object.keys(value).flatMap((key) => check(key, names, at)) : [],
  properties: (value, properties: Record<string, Schema>, at) =>
    each(value, at, (key) => (Object.hasOwn(properties, key) ? [properties[key] as Schema] : [])),
  patternProperties: (value, patterns: Record<string, Schema>, at) =>
    each(value, at, (key) => patternsFor(key, patterns)),
  additionalProperties: (value, extra: Schema | boolean, at) =>
    each(value, at, (key) => {
      if (Object.hasOwn((at.schema.properties as object) ?? {}, key)) return []
      const patterns = (at.schema.patternProperties ?? {}) as Record<string, Schema>
      if (patternsFor(key, patterns).length > 0) return []
      return [typeof extra === 'boolean' ? (extra ? {} : { enum: [] }) : extra]
    }),
  anyOf: (value, branches: Schema[], at) => {
    const tried = branches.map((branch) => check(value, branch, at))
    if (tried.some((found) => found.length === 0)) return []
    // The branch that got furthest says most.
    const depth = (found: string[]) => Math.max(...found.map((text) => text.split('/').length))
    return tried.sort((a, b) => depth(b) - depth(a))[0] ?? wrong(at, 'fits nothing')
  },
  oneOf: (value, branches: Schema[], at) => {
    const fitting = branches.filter((branch) => check(value, branch, at).length === 0)
    return fitting.length === 1 ? [] : wrong(at, `fits ${fitting.length} alternatives, not one`)
  },
  allOf: (value, all: Schema[], at) => all.flatMap((schema) => check(value, schema, at)),
}

function patternsFor(key: string, patterns: Record<string, Schema>): Schema[] {
  return Object.entries(patterns).flatMap(([pattern, schema]) =>
    new RegExp(pattern, 'u').test(key) ? [schema] : [],
  )
}

function each(value: unknown, at: At, schemasFor: (key: string) => Schema[]): string[] {
  if (!isMap(value)) return []
  return Object.entries(value).flatMap(([key, child]) => {
    const path = `${at.path}/${key}`
    return schemasFor(key).flatMap((schema) => check(child, schema, { ...at, path }))
  })
}
