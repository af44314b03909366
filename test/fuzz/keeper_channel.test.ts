/** What keeper and child tell each other, however it is cut, and whatever a child may say. */
import assert from 'node:assert/strict'
import { type Duplex, duplexPair, PassThrough } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Resolved } from '../../pipeline/config/resolve.ts'
import { ChildChannel, KeeperChannel } from '../../pipeline/keeper/channel.ts'
import type { ReloadResult } from '../../pipeline/service_view.ts'

function resolvedOf(value: unknown): Resolved {
  return { value, texts: {}, places: {}, problems: [], unset: [], empty: [], files: [] }
}

/** The two ends of a socket whose bytes arrive in pieces of these sizes, again and again. */
function cutPair(sizes: readonly number[]): [Duplex, Duplex] {
  const [near, far] = duplexPair()
  const cut = new PassThrough()
  let turn = 0
  far.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      const size = sizes[turn++ % sizes.length] ?? 1
      cut.write(chunk.subarray(at, at + size))
      at += size
    }
  })
  return [near, cut]
}

test('a configuration arrives as it was sent, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.jsonValue({ maxDepth: 4 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      async (value, sizes) => {
        const [keeper, child] = cutPair(sizes)
        const channel = new KeeperChannel(child, { gone: () => {} })
        const expected = JSON.parse(JSON.stringify(resolvedOf(value)))
        new ChildChannel(keeper, async () => ({ ok: true })).start(resolvedOf(value))
        assert.deepEqual(await channel.started, expected)
      },
    ),
    { numRuns: 200 },
  )
})

test('a child may say what it likes: the keeper asks, answers and goes on', async () => {
  const words = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({
        type: fc.oneof(fc.constantFrom('ready', 'ask', 'answer', 'start'), fc.jsonValue()),
        id: fc.oneof(fc.integer(), fc.jsonValue()),
        by: fc.jsonValue(),
        result: fc.oneof(fc.record({ ok: fc.boolean(), reason: fc.jsonValue() }), fc.jsonValue()),
      })
      .map((message) => JSON.stringify(message)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(words), async (lines) => {
      const [keeper, child] = duplexPair()
      child.resume()
      const channel = new ChildChannel(keeper, async (by) => {
        assert.equal(typeof by, 'string')
        return { ok: true }
      })
      child.write(`${lines.join('\n')}\n${JSON.stringify({ type: 'ready' })}\n`)
      const result = channel.reload(resolvedOf({}))
      child.write(`{"type":"answer","id":1,"result":{"ok":false,"reason":"no"}}\n`)
      await new Promise(setImmediate)
      child.destroy()
      keeper.destroy()
      const { ok } = (await result) as ReloadResult
      assert.equal(typeof ok, 'boolean')
    }),
    { numRuns: 200 },
  )
})

test('a line without an end is not kept: the channel closes', async () => {
  const [keeper, child] = duplexPair()
  new ChildChannel(keeper, async () => ({ ok: true }))
  child.on('error', () => {})
  for (let i = 0; i < 1000 && !keeper.destroyed; i++) {
    child.write(Buffer.alloc(1024, 'a'))
    await new Promise(setImmediate)
  }
  assert.ok(keeper.destroyed)
})

test('what is asked when the other end goes is answered', async () => {
  const [keeper, child] = duplexPair()
  const asked = new KeeperChannel(child, { gone: () => {} }).ask('SIGHUP')
  const channel = new ChildChannel(keeper, () => new Promise(() => {}))
  const waits = channel.reload(resolvedOf({}))
  keeper.destroy()
  child.destroy()
  assert.deepEqual(await waits, { ok: false, reason: 'the pipeline process has ended' })
  assert.deepEqual(await asked, { ok: false, reason: 'the keeper has ended' })
})
