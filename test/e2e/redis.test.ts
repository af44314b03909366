import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { REDIS_PORT, startRedis } from '../kit/databases.ts'
import { runInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const USERS = 20

test(
  'a real Redis: every command of a real client, in both versions of the protocol',
  options,
  async (t) => {
    const pods = new CapturedPods()
    t.after(() => pods.close())
    await startRedis(t, pods)
    await pods.capture()

    const cli = ['redis-cli', '-h', pods.server.ipv4, '-p', `${REDIS_PORT}`]
    const lines = Array.from({ length: USERS }, (_, i) => [
      `SET user:${i}:name ${'x'.repeat(i * 400)}y`,
      `GET user:${i}:name`,
      `LPUSH user:${i}:name z`,
    ]).flat()
    const file = join(pods.directory, 'commands')
    writeFileSync(file, `${lines.join('\n')}\n`)
    for (const version of [['-2'], ['-3']]) {
      const { stdout } = await runInPod(pods.client, [
        'sh',
        '-c',
        `${[...cli, ...version].join(' ')} < ${file}`,
      ])
      assert.equal(stdout.match(/^WRONGTYPE/gm)?.length, USERS)
    }

    const count = 2 * 3 * USERS
    const fits = ({ target }: { target?: unknown }) => target === 'user:*:name'
    const rows = await pods.exchanges(count, fits)
    assert.equal(rows.length, count)
    const counts = Map.groupBy(rows, (row) => `${row.protocol} ${row.method} ${row.error ?? ''}`)
    assert.deepEqual([...counts].map(([key, { length }]) => [key, length]).sort(), [
      ['redis GET ', 2 * USERS],
      ['redis LPUSH WRONGTYPE', 2 * USERS],
      ['redis SET ', 2 * USERS],
    ])
    // What a GET gave is what the SET before it took, and the protocol's frame around it.
    for (const row of rows) assert.equal(row.desynchronised, undefined)
    const sizes = rows.filter(({ method }) => method === 'GET').map((row) => row.response_bytes)
    const bulk = (i: number) => `$${i * 400 + 1}\r\n`.length + i * 400 + 1 + 2
    const expected = Array.from({ length: USERS }, (_, i) => [bulk(i), bulk(i)]).flat()
    assert.deepEqual([...sizes].sort(order), expected.sort(order))
  },
)

function order(a: unknown, b: unknown): number {
  return Number(a) - Number(b)
}
