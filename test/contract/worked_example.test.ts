/** The component of docs/COMPONENT_SPEC.md compiles, passes its test, and keeps the contract. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Factory } from '../../pipeline/component.ts'
import { subjectsOf } from './subjects.ts'
import { CHECKS, runCheck } from './suite.ts'

const ROOT = join(import.meta.dirname, '../..')
/** A block of code with the path of its file. */
const FILE = /^```ts (\S+)\n(.*?)^```$/gms
const run = promisify(execFile)

/** A tree that has the project's modules, and the files of the page. */
const tree = mkdtempSync(join(tmpdir(), 'flowspan-spec-'))
after(() => rmSync(tree, { recursive: true }))
for (const folder of ['pipeline', 'node_modules', 'test/pipeline', 'package.json']) {
  mkdirSync(dirname(join(tree, folder)), { recursive: true })
  symlinkSync(join(ROOT, folder), join(tree, folder))
}
const page = readFileSync(join(ROOT, 'docs/COMPONENT_SPEC.md'), 'utf8')
const files = [...page.matchAll(FILE)].map(([, path, text]) => ({
  path: path as string,
  text: text as string,
}))
for (const { path, text } of files) {
  mkdirSync(dirname(join(tree, path)), { recursive: true })
  writeFileSync(join(tree, path), text)
}

test('the page has a component with its parts and a test', () => {
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'processors/rate_limit/config.ts',
    'processors/rate_limit/index.ts',
    'processors/rate_limit/rate_limit.ts',
    'test/processors/rate_limit/rate_limit.test.ts',
  ])
  for (const { text, path } of files) {
    for (const line of text.split('\n')) assert.ok(line.length <= 100, `${path}: ${line}`)
  }
})

test('it compiles as the project does', async () => {
  const config = join(tree, 'tsconfig.json')
  const include = files.map(({ path }) => path)
  writeFileSync(config, JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), include }))
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  await run(tsc, ['--project', config]).catch(({ stdout }) => assert.fail(stdout))
})

test('its own test passes', async () => {
  const file = files.find(({ path }) => path.startsWith('test/'))?.path as string
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = ['--test', '--test-reporter=tap', file]
  const { stdout } = await run(process.execPath, args, { cwd: tree, env })
  assert.match(stdout, /^# pass 2$/m)
})

const module = await import(join(tree, 'processors/rate_limit/index.ts'))
for (const subject of subjectsOf(module.rateLimit as Factory)) {
  describe(`${subject.name} of the page`, () => {
    for (const check of CHECKS.filter(({ holdsFor }) => holdsFor(subject))) {
      test(check.name, () => runCheck(check, subject))
    }
  })
}
