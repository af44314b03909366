import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { skipWithoutGo } from './backends.ts'
import { Program, removeDirectory, temporaryDirectory } from './processes.ts'

const skip = await skipWithoutGo()
const directory = temporaryDirectory('backends')
after(() => removeDirectory(directory))

/** A module with one program, and a `go` that notes when it builds. */
function fixture(name: string, main: string): { env: Record<string, string>; source: object } {
  const folder = join(directory, name)
  const bin = join(directory, `${name}-bin`)
  for (const path of [folder, bin]) mkdirSync(path)
  writeFileSync(join(folder, 'go.mod'), 'module example\n\ngo 1.21\n')
  writeFileSync(join(folder, 'main.go'), `package main\n\n${main}\n`)
  const go = execFileSync('sh', ['-c', 'command -v go'], { encoding: 'utf8' }).trim()
  const log = join(directory, `${name}.builds`)
  const wrapper = `#!/bin/sh\n[ "$1" != build ] || echo built >> ${log}\nexec ${go} "$@"\n`
  writeFileSync(join(bin, 'go'), wrapper)
  chmodSync(join(bin, 'go'), 0o755)
  writeFileSync(log, '')
  return {
    env: { PATH: `${bin}:${process.env.PATH}`, FLOWSPAN_CACHE: join(directory, `${name}-cache`) },
    source: { folder, program: 'hello', package: '.', minutes: 1 },
  }
}

/** Evaluates an expression of the kit's functions in a process of its own. */
function evaluate(expression: string, env: Record<string, string>): Program {
  const kit = JSON.stringify(join(import.meta.dirname, 'backends.ts'))
  const code = `
    import { ensureBackend, ensureProgram, goAvailable, skipWithoutGo } from ${kit}
    console.log('RESULT ' + JSON.stringify(await ${expression}))`
  return new Program([process.execPath, '--input-type=module', '-e', code], { env })
}

async function result(program: Program): Promise<unknown> {
  return JSON.parse((await program.line(/^RESULT (.*)\n/m, { timeoutMs: 120_000 }))[1] as string)
}

test('two processes build a program once', { skip }, async () => {
  const { env, source } = fixture('once', 'func main() { println("hello") }')
  const expression = `ensureProgram(${JSON.stringify(source)})`
  const programs = [evaluate(expression, env), evaluate(expression, env)]
  const [first, second] = await Promise.all(programs.map(result))
  assert.equal(first, second)
  const file = first as string
  assert.match(file, /\/flowspan\/backends\/once-[0-9a-f]{16}\/hello$/)
  assert.deepEqual(readdirSync(join(file, '..')), ['hello'])
  assert.equal(readFileSync(join(directory, 'once.builds'), 'utf8'), 'built\n')
  assert.equal(await new Program([file as string]).line(/hello/).then(String), 'hello')
  const third = evaluate(expression, env)
  assert.equal(await result(third), file)
  assert.doesNotMatch(third.output, /Building/)
})

test('a changed module is another program', { skip }, async () => {
  const { env, source } = fixture('changed', 'func main() {}')
  const expression = `ensureProgram(${JSON.stringify(source)})`
  const before = await result(evaluate(expression, env))
  writeFileSync(join(directory, 'changed/more.go'), 'package main\n')
  assert.notEqual(await result(evaluate(expression, env)), before)
})

test('a build that fails says what Go said', { skip }, async () => {
  const { env, source } = fixture('broken', 'func main() { missing() }')
  const program = evaluate(`ensureProgram(${JSON.stringify(source)})`, env)
  await assert.rejects(result(program), /Cannot build hello in .*\/broken: .*undefined: missing/s)
})

test('without Go a test is skipped, and in CI it fails', async () => {
  const env = { PATH: '/usr/sbin:/usr/bin:/bin', CI: '' }
  const bin = join(directory, 'no-go')
  mkdirSync(bin)
  for (const name of ['setpriv', 'flock', 'sh']) {
    const path = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    execFileSync('ln', ['-s', path, join(bin, name)])
  }
  env.PATH = bin
  const missing = { available: false, reason: 'go is not installed' }
  assert.deepEqual(await result(evaluate('goAvailable()', env)), missing)
  assert.equal(await result(evaluate('skipWithoutGo()', env)), 'go is not installed')
  assert.equal(await result(evaluate('skipWithoutGo()', { ...env, CI: 'true' })), false)
  await assert.rejects(
    result(evaluate("ensureBackend('etcd')", { ...env, CI: 'true' })),
    /Cannot build etcd: go is not installed/,
  )
})
