/** `flowspan schema`: one JSON Schema of a whole configuration, for editors. */
import { KINDS, type Kind, SIGNALS } from '../component.ts'
import type { Factories } from './factories.ts'
import { type JsonSchema, jsonSchemaOf } from './json_schema.ts'
import { sectionOf } from './sections.ts'
import { serviceSchema } from './service_options.ts'

const EXPANSION = 'expansion'
const ANY_EXPANSION: JsonSchema = { $ref: `#/$defs/${EXPANSION}` }
const NULL: JsonSchema = { type: 'null' }

export function configSchema(factories: Factories): JsonSchema {
  const $defs: Record<string, JsonSchema> = {
    [EXPANSION]: {
      description: 'Stands for a value of another type: an environment variable, a file.',
      type: 'string',
      pattern: '\\$\\{',
    },
  }
  const properties: Record<string, JsonSchema> = {}
  for (const kind of KINDS) properties[sectionOf(kind)] = kindSchema(kind, factories, $defs)
  properties.service = service()
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of flowspan',
    type: 'object',
    properties,
    additionalProperties: false,
    $defs,
  }
}

/** A section: `type` or `type/name`, in both spellings of the type. */
function kindSchema(kind: Kind, factories: Factories, $defs: Record<string, JsonSchema>) {
  const patternProperties: Record<string, JsonSchema> = {}
  for (const { type, aliases = [], schema } of factories.list(kind)) {
    const name = `${sectionOf(kind)}.${type}`
    $defs[name] = {
      title: `${type} ${kind}`,
      description: `See ${sectionOf(kind)}/${type}/README.md.`,
      ...loose(jsonSchemaOf(schema)),
    }
    for (const spelling of [type, ...aliases]) {
      patternProperties[`^${spelling}(/.+)?$`] = { $ref: `#/$defs/${name}` }
    }
  }
  return nullable({ type: 'object', patternProperties, additionalProperties: false })
}

function service(): JsonSchema {
  const { properties = {}, ...rest } = jsonSchemaOf(serviceSchema)
  const { pipelines, ...others } = properties
  const pipeline = pipelines?.additionalProperties as JsonSchema
  const ids: JsonSchema = {
    ...pipelines,
    patternProperties: { [`^(${SIGNALS.join('|')})(/.+)?$`]: pipeline },
    additionalProperties: false,
  }
  const { propertyNames, ...map } = ids
  return loose({ ...rest, properties: { ...others, pipelines: map } })
}

/**
 * With `${…}` wherever something else than text is wanted, and null for what is not set: what
 * flowspan takes.
 */
function loose(json: JsonSchema): JsonSchema {
  const { title, description, default: byDefault, ...exact } = json
  const about = {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    // Of a section that is left out or empty, the defaults stand at its options.
    ...(byDefault !== undefined && byDefault !== null && { default: byDefault }),
  }
  if (isAnyText(exact)) return { ...about, ...exact, type: ['string', 'null'] }
  if (Object.keys(exact).length === 0) return about
  return { ...about, ...nullable(looseInside(exact)) }
}

function nullable(json: JsonSchema): JsonSchema {
  const branches = json.anyOf && Object.keys(json).length === 1 ? json.anyOf : [json]
  return { anyOf: [...branches, ANY_EXPANSION, NULL] }
}

function isAnyText(json: JsonSchema): boolean {
  const { type, writeOnly, ...more } = json
  return type === 'string' && Object.keys(more).length === 0
}

function looseInside(json: JsonSchema): JsonSchema {
  const { items, properties, patternProperties, additionalProperties, anyOf } = json
  // What one file lacks may stand in another.
  const { propertyNames, required, ...rest } = json
  return {
    ...rest,
    ...(items && { items: loose(items) }),
    ...(properties && { properties: eachLoose(properties) }),
    ...(patternProperties && { patternProperties: eachLoose(patternProperties) }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: loose(additionalProperties),
    }),
    ...(anyOf && { anyOf: anyOf.map(looseInside) }),
  }
}

function eachLoose(schemas: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(schemas).map(([key, json]) => [key, loose(json)]))
}
