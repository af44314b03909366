import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const SCRIPT = join(import.meta.dirname, '../../tools/setup.sh')
/** What the script itself is made of; everything else counts as not installed. */
const TOOLS = 'sh cat cmp dirname uname id sed find mktemp rm tail setpriv'.split(' ')

const folder = mkdtempSync(join(tmpdir(), 'flowspan-setup-'))
after(() => rmSync(folder, { recursive: true }))
for (const tool of TOOLS) {
  const { stdout } = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' })
  symlinkSync(stdout.trim(), join(folder, tool))
}

function setup(args: readonly string[], env: Record<string, string> = {}) {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync('/bin/sh', [SCRIPT, ...args], options)
  return { status, stdout, stderr, ms: performance.now() - started }
}

test('when nothing is to do it does nothing, says nothing, and takes no second', () => {
  const { status, stdout, stderr, ms } = setup(['--quiet'])
  assert.deepEqual([status, stdout, stderr], [0, '', ''])
  assert.ok(ms < 1000, `${ms} ms`)
})

test('what is missing where there is no apt is named in one message', () => {
  const { status, stderr } = setup(['--quiet'], { PATH: folder })
  assert.equal(status, 1)
  assert.match(
    stderr,
    /^Error: programs are missing, which Debian has as: clang\. Install them.*\n$/,
  )
})

test('an unknown flag is refused', () => {
  const { status, stderr } = setup(['--fast'])
  assert.equal(status, 1)
  assert.match(stderr, /^Error: unknown flag --fast; usage: setup\.sh .*\n$/)
})
