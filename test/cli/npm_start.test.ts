import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Marked } from './marked.ts'

const ROOT = join(import.meta.dirname, '../..')
const START_MS = 60_000

/** What a keyboard, a shell and an init system send, to npm alone. */
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`\`npm start\` captures, and ${signal} to npm drains it: exit code 0, nothing left`, async () => {
    const npm = new Marked(['npm', 'start'], { cwd: ROOT })
    try {
      await npm.saying(/Everything is ready/, START_MS)
      assert.match(npm.output, /receiver\/ebpf {2}Capturing TCP connections/)
      assert.ok(npm.left().length >= 3, 'npm, keeper and child')
      npm.process.kill(signal)
      assert.deepEqual(await npm.exited, [0, null], npm.output)
      assert.match(npm.output, /Shutdown complete/)
      // The last process may still be on its way out of the table.
      for (let i = 0; i < 20 && npm.left().length > 0; i++) await sleep(50)
      assert.deepEqual(npm.left(), [])
    } finally {
      await npm.clean()
    }
  })
}
