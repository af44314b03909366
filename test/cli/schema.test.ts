// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
/** The schema for editors takes what flowspan takes, and refuses what flowspan refuses. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { COMPONENTS } from '../../components.ts'
import { Factories } from '../../pipeline/config/factories.ts'
import { configSchema } from '../../pipeline/config/schema.ts'
import { type Schema, violations } from '../kit/json_schema.ts'

const ROOT = join(import.meta.dirname, '../..')
const schema = JSON.parse(JSON.stringify(configSchema(new Factories(COMPONENTS)))) as Schema

/** The YAML blocks of a page that are configurations, or sections of one. */
function examples(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml]) => yaml as string)
  return blocks.filter((yaml) => {
    return /^(receivers|processors|exporters|connectors|extensions|service):/m.test(yaml)
  })
}

const pages = [
  'README.md',
  ...globSync('{receivers,processors,exporters,connectors,extensions}/*/README.md', { cwd: ROOT }),
  ...globSync('docs/*.md', { cwd: ROOT }),
].sort()

test('config.example.yaml is valid', () => {
  const text = readFileSync(join(ROOT, 'config.example.yaml'), 'utf8')
  assert.deepEqual(violations(parse(text), schema), [])
})

for (const page of pages) {
  test(`what ${page} shows is valid`, () => {
    for (const yaml of examples(page)) assert.deepEqual(violations(parse(yaml), schema), [], yaml)
  })
}

test('every component is known in both spellings, with and without a name, and may be empty', () => {
  for (const { kind, type, aliases = [] } of COMPONENTS) {
    for (const spelling of [type, ...aliases]) {
      const section = { [spelling]: null, [`${spelling}/a b`]: {} }
      assert.deepEqual(violations({ [`${kind}s`]: section }, schema), [], spelling)
    }
  }
})

test('the defaults of every component are valid', () => {
  for (const name of Object.keys(schema.$defs as object)) {
    const { anyOf } = (schema.$defs as Record<string, Schema>)[name] as { anyOf?: Schema[] }
    for (const [option, json] of Object.entries((anyOf?.[0]?.properties ?? {}) as object)) {
      if (json.default === undefined) continue
      const found = violations(json.default, { ...json, $defs: schema.$defs } as Schema)
      assert.deepEqual(found, [], `${name}.${option}`)
    }
  }
})

test('options are described, durations with the default as it is written', () => {
  const { anyOf } = (schema.$defs as Record<string, Schema>)['receivers.ebpf'] as {
    anyOf: { properties: { interval: Schema } }[]
  }
  const { description, default: byDefault } = anyOf[0]?.properties.interval ?? {}
  assert.equal(byDefault, '20ms')
  assert.match(String(description), /^time between two looks/)
})

test('levels are taken in either case', () => {
  const levels = { logs: { level: 'DEBUG' }, metrics: { level: 'none' } }
  assert.deepEqual(violations({ service: { telemetry: levels } }, schema), [])
})

const REFUSED: readonly (readonly [yaml: string, violation: string])[] = [
  ['receiver: {}', '/receiver: is not one of '],
  ['exporters: { nosuch: {} }', '/exporters/nosuch: is not one of '],
  ['exporters: { otlp/: {} }', '/exporters/otlp/: is not one of '],
  ['exporters: { debug: { verbosty: tree } }', '/exporters/debug/verbosty: is not one of '],
  [
    'exporters: { debug: { verbosity: loud } }',
    '/exporters/debug/verbosity: is not one of basic, normal, detailed, tree',
  ],
  [
    'exporters: { otlp: { tls: { insecure: "yes" } } }',
    '/exporters/otlp/tls/insecure: is not boolean',
  ],
  ['exporters: { otlp: { endpoint: 4317 } }', '/exporters/otlp/endpoint: is not string or null'],
  ['processors: { stitch: { rows_max: 1.5 } }', '/processors/stitch/rows_max: is not integer'],
  ['service: { pipelines: { spans: {} } }', '/service/pipelines/spans: is not one of '],
  [
    'service: { pipelines: { flows: { receivers: ebpf } } }',
    '/service/pipelines/flows/receivers: ',
  ],
  ['service: { shutdown_timeout: 5 }', '/service/shutdown_timeout: is not '],
]

for (const [yaml, violation] of REFUSED) {
  test(`\`${yaml}\` is refused`, () => {
    const found = violations(parse(yaml), schema)
    assert.equal(found.length, 1, found.join('\n'))
    assert.equal(found[0]?.slice(0, violation.length), violation)
  })
}

test('`${…}` is taken wherever something else than text is wanted', () => {
  const yaml = [
    'receivers: "${file:receivers.yaml}"',
    'processors: { stitch: { rows_max: "${ROWS}", window: "${env:WINDOW:-3s}" } }',
    'exporters: { otlp: { tls: { insecure: "${INSECURE}" }, compression: "${COMPRESSION}" } }',
    'service: { extensions: "${EXTENSIONS}", pipelines: { flows: "${file:flows.yaml}" } }',
  ]
  assert.deepEqual(violations(parse(yaml.join('\n')), schema), [])
})

test('a slow reader of a pipe gets the whole schema, one that goes away none of the rest', () => {
  const shell = (script: string) => spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  const program = join(ROOT, 'bin/flowspan')
  const { stdout } = shell(`"${program}" schema | { sleep 1; cat; }`)
  assert.deepEqual(JSON.parse(stdout), schema)
  const gone = shell(`{ "${program}" schema; echo "exit $?" >&2; } | head -c 1`)
  assert.equal(gone.stderr, 'exit 0\n')
})
