/** What the contract says of schemas. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { decode } from '../../pipeline/config/decode.ts'
import type { Path } from '../../pipeline/config/problems.ts'
import type { Bench } from './bench.ts'
import type { Check } from './check.ts'
import { NEEDS } from './needs.ts'

const SECTION: Path = ['section']
const UNKNOWN = 'no_such_option'

interface JsonSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
}

function decoded({ subject }: Bench, value: unknown) {
  return decode(subject.factory.schema, { path: SECTION, value, texts: {} })
}

/** The paths of all maps of options, the section itself first; without maps of the user's keys. */
function* maps(schema: JsonSchema, path: Path = []): Generator<Path> {
  for (const branch of schema.anyOf ?? []) yield* maps(branch, path)
  if (schema.properties === undefined) return
  yield path
  for (const [key, inner] of Object.entries(schema.properties)) yield* maps(inner, [...path, key])
}

function nested(path: Path, value: object): object {
  return path.reduceRight<object>((inner, key) => ({ [key]: inner }), value)
}

export const CONFIG_CHECKS: readonly Check[] = [
  {
    name: 'an empty section is the default configuration, written as null or as {}',
    holdsFor: () => true,
    run(bench) {
      const fromNull = decoded(bench, null)
      assert.ok(fromNull.ok, JSON.stringify(fromNull))
      assert.deepEqual(decoded(bench, {}), fromNull)
      const { factory, component } = bench.subject
      const missing = factory.validate?.(fromNull.value) ?? []
      const entry = `test/contract/needs.ts has no entry for ${component}, whose defaults lack`
      assert.ok(missing.length === 0 || NEEDS[component], `${entry}: ${JSON.stringify(missing)}`)
    },
  },
  {
    name: 'an option that does not exist is an error at its path, at every level',
    holdsFor: () => true,
    run(bench) {
      const schema = z.toJSONSchema(bench.subject.factory.schema, {
        io: 'input',
        unrepresentable: 'any',
      })
      for (const path of maps(schema as JsonSchema)) {
        const result = decoded(bench, nested(path, { [UNKNOWN]: 1 }))
        const where = [...SECTION, ...path].join('::')
        assert.ok(!result.ok, `${where} takes an option that does not exist`)
        const found = result.problems.filter(({ message }) => message.includes(UNKNOWN))
        const paths = found.map((problem) => problem.path.join('::'))
        assert.deepEqual(paths, [where])
      }
    },
  },
]
