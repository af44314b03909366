import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const DEMO = join(import.meta.dirname, '../demo.ts')
const skip = skipUnless(missingForShop())
const run = promisify(execFile)

test('the demo prints the tree of each request and leaves nothing behind', {
  skip,
  timeout: 60_000,
}, async () => {
  const running = run(process.execPath, [DEMO])
  const { stdout } = await running
  const trees = stdout.split(/^trace /m).slice(1)
  const ofPath = (path: string) => trees.filter((tree) => tree.includes(`SERVER GET ${path} `))
  for (const [path, count] of [
    ['/orders/7', 1],
    ['/orders/8', 1],
    ['/orders/missing', 1],
    ['/orders/9', 3],
  ] as const) {
    const found = ofPath(path)
    assert.equal(found.length, count, stdout)
    for (const tree of found) assert.match(tree, chain(path))
  }
  const prefix = `flowspan-${running.child.pid}-`
  assert.deepEqual(
    readdirSync('/run/netns').filter((name) => name.startsWith(prefix)),
    [],
  )
})

/** Six spans, each a level below the one before. */
function chain(path: string): RegExp {
  const item = path.replace('orders', 'items')
  const spans = [
    `→ nginx +CLIENT GET ${path} `,
    `nginx +SERVER GET ${path} `,
    `nginx → api +CLIENT GET ${path} `,
    `api +SERVER GET ${path} `,
    `api → storage +CLIENT GET ${item} `,
    `storage +SERVER GET ${item} `,
  ]
  const lines = spans.map((span, depth) => `^ {${3 * depth}}└─ .*${span}.*$`)
  return new RegExp(lines.join('\n'), 'm')
}

test('without root the demo says so in one line', { skip }, async () => {
  const command = ['--reuid', '65534', '--clear-groups', '--', process.execPath, DEMO]
  await assert.rejects(run('setpriv', command), (error: { code: number; stderr: string }) => {
    assert.equal(error.code, 1)
    assert.match(error.stderr, /^demo: Cannot make network namespaces as this is not root[^\n]*\n$/)
    return true
  })
})
