/**
 * The JSON Schema of what a user may write for a zod schema: its input, with defaults, and with the
 * mark of secrets. Error messages, `print-config` and the schema for editors are made from it.
 */
import { z } from 'zod'

export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly format?: string
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly propertyNames?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  /** The mark of a secret (see `secret.ts`). */
  readonly writeOnly?: boolean
  readonly $schema?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
}

/**
 * What is written where a schema transforms it, of which zod knows nothing: a duration is text.
 * The `default` is as it is written, too.
 */
export const WRITTEN = z.registry<{ readonly json: JsonSchema }>()

export function jsonSchemaOf(schema: z.core.$ZodType): JsonSchema {
  const { $schema, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => rewrite(zodSchema, jsonSchema),
  }) as JsonSchema
  return json
}

function rewrite(schema: z.core.$ZodTypes, json: Record<string, unknown>): void {
  const { def } = schema._zod
  const written = WRITTEN.get(schema)
  if (written !== undefined) Object.assign(json, written.json)
  // `z.preprocess(change, schema)`: what is written is much what the schema takes.
  else if (def.type === 'pipe' && (def.in as z.core.$ZodTypes)._zod.def.type === 'transform') {
    Object.assign(json, { ...jsonSchemaOf(def.out), ...json })
  }
  // zod leaves the default of what it transforms out, as it can be of another type.
  else if (def.type === 'default') json.default ??= def.defaultValue
  // Bounds of a number that is counted with, not of the option.
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum
}

/** The part of a schema that is for the value at `path`. */
export function jsonSchemaAt(
  json: JsonSchema,
  path: readonly (string | number)[],
): JsonSchema | undefined {
  let at: JsonSchema | undefined = json
  for (const step of path) {
    at = typeof step === 'number' ? at?.items : (propertiesOf(at)?.[step] ?? extra(at))
  }
  return at
}

/** Of a map, or of the alternative that is one. */
function propertiesOf(json: JsonSchema | undefined): JsonSchema['properties'] {
  return json?.properties ?? json?.anyOf?.find((branch) => branch.properties)?.properties
}

function extra(json: JsonSchema | undefined): JsonSchema | undefined {
  const { additionalProperties } = json ?? {}
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}
