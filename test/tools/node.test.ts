import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const SCRIPT = join(import.meta.dirname, '../../tools/node.sh')
const NAME = `node-linux-${arch()}`

const folder = mkdtempSync(join(tmpdir(), 'flowspan-node-'))
after(() => rmSync(folder, { recursive: true }))

/** A package at `root`, with the script and nothing else. */
function install(root: string): string {
  const script = join(folder, root, 'tools/node.sh')
  mkdirSync(dirname(script), { recursive: true })
  cpSync(SCRIPT, script)
  return script
}

/** A program that says what it was called as and with, or its version. */
function fakeNode(path: string, version = 'v0.0.0'): string {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  const body = `[ "$1" = --version ] && echo ${version} || echo "${path} $*"`
  writeFileSync(file, `#!/bin/sh\n${body}\n`)
  chmodSync(file, 0o755)
  return dirname(file)
}

function become(script: string, path = '/usr/bin:/bin') {
  const options = { encoding: 'utf8', env: { PATH: path } } as const
  const { status, stdout, stderr } = spawnSync('/bin/sh', [script, 'main.ts', 'a b'], options)
  return { status, stdout, stderr }
}

test('the pinned Node comes first', () => {
  const script = install('plain')
  fakeNode(`plain/node_modules/${NAME}/bin/node`)
  const { stdout } = become(script)
  assert.equal(stdout, `plain/node_modules/${NAME}/bin/node main.ts a b\n`)
})

test('a pinned Node that npm has hoisted beside the package is found', () => {
  const script = install('app/node_modules/flowspan')
  fakeNode(`app/node_modules/${NAME}/bin/node`)
  assert.match(become(script).stdout, /^app\/node_modules\/node-linux/)
})

for (const [version, isTaken] of [
  ['v20.20.2', false],
  ['v24.11.9', false],
  ['v24.12.0', true],
  ['v26.0.0', true],
] as const) {
  test(`the system's Node ${version} is ${isTaken ? 'taken' : 'refused'}`, () => {
    const script = install('bare')
    const bin = fakeNode(`system-${version}/node`, version)
    const { status, stdout, stderr } = become(script, `${bin}:/usr/bin:/bin`)
    if (isTaken) assert.deepEqual([status, stdout], [0, `system-${version}/node main.ts a b\n`])
    else {
      assert.equal(status, 1)
      assert.match(stderr, /^Error: flowspan needs Node 24\.12 or later: .* is v2\d/)
    }
  })
}

test('a source tree is told to set itself up, a package to install what is optional', () => {
  for (const [root, remedy] of [
    ['tree', /Run 'npm run setup' in \S+\/tree, which installs one for flowspan alone\n$/],
    ['package', /Install flowspan with its optional dependencies, .* --include=optional\n$/],
  ] as const) {
    const script = install(root)
    if (root === 'tree') writeFileSync(join(dirname(script), 'setup.sh'), '')
    const bin = fakeNode('old/node', 'v22.0.0')
    assert.match(become(script, `${bin}:/usr/bin:/bin`).stderr, remedy)
  }
})
