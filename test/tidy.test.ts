/** How flowspan is written, as far as a program can judge it. Functions are biome's to measure. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { COMPONENTS } from '../components.ts'
import { type Factory, KINDS } from '../pipeline/component.ts'

const ROOT = join(import.meta.dirname, '..')
const COLUMNS_MAX = 100
const LINES_MAX = 400
/** Tests are lists, which one reads in pieces. */
const TEST_LINES_MAX = 500

const KIND_FOLDERS = KINDS.map((kind) => `${kind}s`)

/** What belongs on a desk and not in a book. */
const FORBIDDEN = [/\b(TODO|FIXME|XXX|HACK)\b/, /(?<![\w.])\/work\//, /\bissue #?\d/i, /\/root\//]

const sources = files('**/*.{ts,c,h,sh,py}', '.ci/*', 'bin/*', '*.yaml', 'deploy/**/*.yaml')
const pages = files('**/*.md')

function files(...patterns: string[]): string[] {
  const exclude = ['node_modules/**', 'bpf/build/**', '**/*.gen.ts', '**/testdata/**', '**/*.o']
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT, exclude }))
    .filter((file) => file !== 'test/tidy.test.ts' && !file.includes('node_modules/'))
    .sort()
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** `file:line` of each line that is not as it should be. */
function lines(all: readonly string[], isBad: (line: string) => boolean): string[] {
  return all.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, i) => (isBad(line) ? [`${file}:${i + 1}`] : [])),
  )
}

function factoryOf(folder: string): Factory | undefined {
  const [kinds, type] = folder.split('/')
  return COMPONENTS.find((factory) => `${factory.kind}s` === kinds && factory.type === type)
}

/** `receivers/ebpf`, … */
function componentFolders(): string[] {
  return KIND_FOLDERS.flatMap((kinds) =>
    globSync(`${kinds}/*/`, { cwd: ROOT }).map((folder) => folder.replace(/\/$/, '')),
  ).sort()
}

/** The files that a file imports, from the root. */
function importsOf(file: string): string[] {
  return [...read(file).matchAll(/^(?:import|export)\b[^'"]*?from '(\.[^']+)'/gms)].map(
    ([, path]) => normalize(join(dirname(file), path as string)),
  )
}

test(`no line is longer than ${COLUMNS_MAX} characters, if it can be wrapped`, () => {
  const isLong = (line: string) => [...line].length > COLUMNS_MAX && !isWhole(line)
  assert.deepEqual(lines(sources, isLong), [])
})

/** biome wraps code as far as it goes; what is left is one piece: a text, a pattern, a name. */
function isWhole(line: string): boolean {
  return !/^\s*(\/\/|\/?\*|#)/.test(line) && /['"`/]/.test(line)
}

test('no file is longer than a person reads', () => {
  const long = sources.flatMap((file) => {
    const max = file.endsWith('.test.ts') ? TEST_LINES_MAX : LINES_MAX
    const count = read(file).split('\n').length - 1
    return count > max ? [`${file}: ${count} lines, at most ${max}`] : []
  })
  assert.deepEqual(long, [])
})

test('nothing is left over from the making', () => {
  const isForbidden = (line: string) => FORBIDDEN.some((word) => word.test(line))
  assert.deepEqual(lines([...sources, ...pages], isForbidden), [])
})

test('every component folder has its parts', () => {
  for (const folder of componentFolders()) {
    for (const part of ['index.ts', 'README.md']) {
      assert.ok(existsSync(join(ROOT, folder, part)), `${folder} has no ${part}`)
    }
    const factory = factoryOf(folder)
    assert.ok(factory, `components.ts does not name ${folder}`)
    const hasOptions = Object.keys(factory.schema.parse({}) as object).length > 0
    if (hasOptions) assert.ok(existsSync(join(ROOT, folder, 'config.ts')), `${folder}/config.ts`)
  }
})

test('every component of the table has its folder, and its defaults are its schema', () => {
  const folders = componentFolders()
  for (const { kind, type, schema } of COMPONENTS) {
    assert.ok(folders.includes(`${kind}s/${type}`), `${kind}s/${type} is missing`)
    assert.ok(schema.safeParse({}).success, `${type} has no default configuration`)
    const unknown = schema.safeParse({ no_such_option: 1 })
    assert.match(unknown.error?.issues[0]?.code ?? '', /unrecognized_keys/, type)
  }
})

test('every option of a component stands in its README', () => {
  for (const folder of componentFolders()) {
    const readme = read(`${folder}/README.md`)
    for (const option of Object.keys(factoryOf(folder)?.schema.parse({}) as object)) {
      assert.ok(readme.includes(option), `${folder}/README.md does not name ${option}`)
    }
  }
})

test('`pipeline/` imports no component, and a component only `pipeline/` and itself', () => {
  const wrong = globSync(
    '{pipeline,receivers,processors,exporters,connectors,extensions}/**/*.ts',
    {
      cwd: ROOT,
    },
  ).flatMap((file) => {
    const own = file.split('/').slice(0, 2).join('/')
    const allowed = file.startsWith('pipeline/') ? ['pipeline/'] : ['pipeline/', `${own}/`]
    return importsOf(file)
      .filter((path) => !allowed.some((folder) => path.startsWith(folder)))
      .map((path) => `${file} imports ${path}`)
  })
  assert.deepEqual(wrong, [])
})

test('no module is loaded late, when the process can read no file any more', () => {
  const whileItStillMay = [
    // Reads the kubeconfig, and loads the libraries that this may take, while it is created.
    'pipeline/kubernetes/kube_config.ts',
    // Loads what sends flowspan's own spans, before the service is built and only if there are any.
    'pipeline/telemetry/telemetry.ts',
  ]
  const program = sources.filter(
    (file) =>
      /^(pipeline|cli|extensions|[a-z]+ors|[a-z]+ers)\//.test(file) &&
      !whileItStillMay.includes(file),
  )
  assert.deepEqual(
    lines(program, (line) => /\bimport\(/.test(line)),
    [],
  )
})
