// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { after, test } from 'node:test'
import { decodeConfig } from '../../../pipeline/config/load.ts'
import { ConfigError } from '../../../pipeline/config/problems.ts'
import {
  type ConfigArguments,
  type Resolved,
  resolveConfig,
} from '../../../pipeline/config/resolve.ts'
import { removeDirectory, temporaryDirectory } from '../../kit/processes.ts'
import { sampleFactories } from './sample.ts'

const SOURCES = join(import.meta.dirname, 'testdata/sources')
const directory = temporaryDirectory('resolve')
after(() => removeDirectory(directory))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

async function resolvedValue(args: Partial<ConfigArguments>, env = {}): Promise<unknown> {
  return (await resolveConfig({ uris: [], ...args }, env)).value
}

/** What a folder's sources are refused with; the folder itself is left out of it. */
async function errorsOf(folder: string): Promise<string[]> {
  const { sets = [], env = {} } = JSON.parse(readFileSync(join(folder, 'arguments.json'), 'utf8'))
  const uris = globSync(join(folder, '*.yaml')).sort()
  try {
    const withFolder = { DIRECTORY: folder, ...env }
    decodeConfig(await resolveConfig({ uris, sets }, withFolder), { factories: sampleFactories })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    const lines = error.message.replaceAll(`${folder}/`, '').split('\n')
    return lines.map((line) => line.trim()).filter((line) => !/^\d+ problems:$/.test(line))
  }
  return []
}

for (const folder of globSync(join(SOURCES, '*/')).sort()) {
  test(`testdata/sources/${basename(folder)} is refused with all that is in errors.txt`, async () => {
    const expected = readFileSync(join(folder, 'errors.txt'), 'utf8').trim().split('\n')
    assert.deepEqual((await errorsOf(folder)).toSorted(), expected.toSorted())
  })
}

test('maps of several sources are joined, all else of a later one takes the place', async () => {
  const first = 'yaml:{ a: { x: 1, list: [1, 2], gone: { b: 1 } }, kept: { b: 1 } }'
  const second = 'yaml:{ a: { y: 2, list: [3], gone: null }, kept: {} }'
  assert.deepEqual(await resolvedValue({ uris: [first, second] }), {
    a: { x: 1, list: [3], gone: null, y: 2 },
    kept: { b: 1 },
  })
})

test('keys with `::` are paths, at the top of every source', async () => {
  const uris = [
    'yaml:processors::batch/x::timeout: 2s',
    file('paths.yaml', 'a::b: 1\na::c: [x::y]\n'),
  ]
  assert.deepEqual(await resolvedValue({ uris }), {
    processors: { 'batch/x': { timeout: '2s' } },
    a: { b: 1, c: ['x::y'] },
  })
})

test('`--set` counts more than all `--config`, and is read as YAML', async () => {
  const sets = ['a.b = 2', 'a.c={x: [1, y]}', 'a.d=', 'a.e=${NUMBER}', 'f=x=y', 'g.h="1"']
  assert.deepEqual(
    await resolvedValue({ uris: ['yaml:a: {b: 1, d: 1}'], sets }, { NUMBER: '0x10' }),
    {
      a: { b: 2, c: { x: [1, 'y'] }, d: null, e: 16 },
      f: 'x=y',
      g: { h: '1' },
    },
  )
})

test('with the feature gate lists of ids are joined, each id once', async () => {
  const first =
    'yaml:service: { extensions: [a, b], pipelines: { traces: { receivers: [r], processors: [p] } } }'
  const second =
    'yaml:service: { extensions: [b, c], pipelines: { traces: { receivers: [s, r], processors: [q] } } }'
  const others = 'yaml:{ x: { receivers: [1] }, service: { telemetry: { extensions: [a] } } }'
  const uris = [first, second, others, others.replace('[1]', '[2]').replace('[a]', '[b]')]
  assert.deepEqual(await resolvedValue({ uris, appendLists: true }), {
    service: {
      extensions: ['a', 'b', 'c'],
      pipelines: { traces: { receivers: ['r', 's'], processors: ['q'] } },
      telemetry: { extensions: ['b'] },
    },
    x: { receivers: [2] },
  })
})

test('a source can be a file, a variable, or the argument itself', async () => {
  const path = file('source.yaml', 'a: 1\n')
  const uris = [path, `file:${path}`, 'env:SOURCE', 'env:GONE:-c: 3', 'yaml:d: 4', 'env:UNSET']
  const resolved = await resolveConfig({ uris }, { SOURCE: 'b: 2' })
  assert.deepEqual(resolved.value, { a: 1, b: 2, c: 3, d: 4 })
  assert.deepEqual(resolved.files, [path])
  assert.deepEqual(resolved.unset, ['UNSET'])
})

test('files are told with absolute paths, those of `${file:…}` too, and are read once', async () => {
  const part = file('part.yaml', 'x: 1\n')
  const main = file('main.yaml', `a: \${file:${part}}\nb: "\${file:${part}}!"\nc: \${file:gone}\n`)
  const resolved = await resolveConfig({ uris: [relative('.', main)] }, {})
  assert.deepEqual(resolved.files, [main, part, join(process.cwd(), 'gone')])
  assert.deepEqual(resolved.value, { a: { x: 1 }, b: 'x: 1!', c: null })
})

test('a secret in a file is text without the end of its line', async () => {
  const uris = [
    `yaml:{ a: "\${file:${file('token', 's3cret\n')}}", b: "\${file:${file('n', '12\r\n')}}" }`,
  ]
  const resolved = await resolveConfig({ uris }, {})
  assert.deepEqual(resolved.value, { a: 's3cret', b: 12 })
  assert.deepEqual(resolved.texts, { b: '12' })
})

test('variables that are not set, and that are empty, are told once each', async () => {
  const uris = ['yaml:{ a: "${GONE}", b: "x${GONE}${EMPTY}", c: "${EMPTY}", d: "${env:GONE2:-}" }']
  const resolved = await resolveConfig({ uris }, { EMPTY: '' })
  assert.deepEqual(resolved.value, { a: null, b: 'x', c: null, d: '' })
  assert.deepEqual(resolved.unset, ['GONE'])
  assert.deepEqual(resolved.empty, ['EMPTY'])
})

test('an empty variable is empty text where text is wanted, and not set anywhere else', async () => {
  const yaml = `
receivers: { sample: { endpoint: "\${EMPTY}", retries: "\${EMPTY}", timeout: "\${EMPTY}" } }
exporters: { probe: }
service: { pipelines: { flows: { receivers: [sample], exporters: [probe] } } }`
  const resolved = await resolveConfig({ uris: [`yaml:${yaml}`] }, { EMPTY: '' })
  const options = { factories: sampleFactories, validate: false }
  const { config } = decodeConfig(resolved, options).components.receiver.get('sample') ?? {}
  const { endpoint, retries, timeout } = config as Record<string, unknown>
  assert.deepEqual({ endpoint, retries, timeout }, { endpoint: '', retries: 3, timeout: 10_000 })
})

test('what was resolved survives JSON, with all errors and places', async () => {
  const folder = join(SOURCES, 'wrong_in_each')
  const uris = ['1.yaml', '2.yaml'].map((name) => join(folder, name))
  const resolved = await resolveConfig({ uris, sets: ['receivers.sample.tags.x=${a.b}'] }, {})
  const copy = JSON.parse(JSON.stringify(resolved)) as Resolved
  assert.deepEqual(copy, resolved)
  const messages = [resolved, copy].map((one) => {
    try {
      return decodeConfig(one, { factories: sampleFactories })
    } catch (error) {
      return (error as Error).message
    }
  })
  assert.equal(messages[0], messages[1])
  assert.match(String(messages[0]), /invalid name: .* \(--set receivers\.sample\.tags\.x\)/)
})

const UNAVAILABLE: readonly (readonly [args: Partial<ConfigArguments>, message: string])[] = [
  [{ uris: ['vault:x'] }, 'unsupported scheme on URI "vault:x"'],
  [{ uris: ['_x:y'] }, 'invalid uri: "_x:y"'],
  [
    { uris: ['https://x/y'] },
    'cannot retrieve the configuration: scheme "https" is not supported for uri "https://x/y"',
  ],
  [
    { uris: ['env:a.b'] },
    'cannot retrieve the configuration: environment variable "a.b" has invalid name: ' +
      'must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$',
  ],
  [
    { uris: ['file:/'] },
    'cannot retrieve the configuration: unable to read the file file:/: ' +
      'EISDIR: illegal operation on a directory, read',
  ],
  [{ sets: ['a.b'] }, 'missing equal sign'],
]

for (const [args, message] of UNAVAILABLE) {
  test(`${JSON.stringify(args)} cannot be had, and why`, async () => {
    await assert.rejects(resolveConfig({ uris: [], ...args }, {}), { message })
  })
}
