/**
 * Real databases, seen twice: by the kernel of the host, and by tcpdump in the server's pod. Both
 * must tell the same, to the byte, and the kernel must lose nothing.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { stitchedTo } from '../kit/chain.ts'
import {
  MARIADB_PORT,
  POSTGRESQL_BIN,
  POSTGRESQL_PORT,
  REDIS_PORT,
  startMariadb,
  startPostgresql,
  startRedis,
} from '../kit/databases.ts'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { runInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 180_000 }
const ROWS = 'rows.jsonl'
const CLIENTS = 2
const TRANSACTIONS = 15
const TIMES = 10

/** What both must agree on; times are those of different places. */
const TEXTS = ['protocol', 'method', 'target', 'query', 'namespace', 'status', 'error'] as const
const PLACE = ['role', 'flow_id', 'request_offset', 'request_bytes', 'response_bytes'] as const
const DOUBTS = ['desynchronised', 'truncated', 'lossy'] as const

function essence(row: Row): string {
  return [...TEXTS, ...PLACE, ...DOUBTS].map((key) => `${key}=${row[key]}`).join(' ')
}

interface Talk {
  readonly protocol: string
  /** Before anybody looks. */
  readonly start: (t: TestContext, pods: CapturedPods) => Promise<unknown>
  readonly talk: (pods: CapturedPods) => Promise<unknown>
  /** Exchanges that it makes at least, and the method of the last one. */
  readonly count: number
}

async function compare(t: TestContext, { protocol, start, talk, count }: Talk): Promise<Row[]> {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await start(t, pods)
  const flowspan = await Flowspan.start(stitchedTo(ROWS))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  await pods.capture()
  await talk(pods)
  const fits = (row: Row) => row.protocol === protocol
  const captured = await pods.exchanges(count, fits)
  const balance = await flowspan.stop()
  assert.deepEqual([balance.lost, balance.unaccounted], [0, 0])
  // Other programs of this host may speak what else they like.
  const notes = balance.components['receiver/ebpf']?.notes ?? {}
  assert.equal(notes[`${protocol}_desynchronised`], undefined)
  const rows = flowspan.rows(ROWS).filter((row) => row.kind === 'exchange' && fits(row))
  const kernel = rows.filter(
    ({ netns, state }) => netns === pods.server.inode && state === 'closed',
  )
  assert.deepEqual(kernel.map(essence).sort(), captured.map(essence).sort())
  // The other end saw the same bytes.
  const clients = rows.filter(({ netns }) => netns === pods.client.inode)
  assert.equal(clients.filter(({ state }) => state === 'closed').length, kernel.length)
  return kernel
}

test('the kernel tells of Redis what a capture tells', options, async (t) => {
  const values = [1, 1000, 1100, 4000, 20_000].map((bytes) => 'x'.repeat(bytes))
  // Repeated on one connection: a list of commands would be preceded by COMMAND DOCS.
  const commands = values.flatMap((value, i) => [
    ['SET', `user:${i}`, value],
    ['GET', `user:${i}`],
    ['LPUSH', `user:${i}`, value],
  ])
  const rows = await compare(t, {
    protocol: 'redis',
    start: startRedis,
    talk: async (pods) => {
      const cli = ['redis-cli', '-h', pods.server.ipv4, '-p', `${REDIS_PORT}`]
      for (const command of commands) {
        await runInPod(pods.client, [...cli, '-r', `${TIMES}`, ...command])
      }
    },
    count: TIMES * commands.length,
  })
  const errors = rows.filter(({ error }) => error === 'WRONGTYPE')
  assert.equal(errors.length, TIMES * values.length)
})

test('the kernel tells of PostgreSQL what a capture tells', options, async (t) => {
  const to = (pods: CapturedPods) => ['-h', pods.server.ipv4, '-p', `${POSTGRESQL_PORT}`]
  const run = (pods: CapturedPods, ...args: string[]) =>
    runInPod(pods.client, [join(POSTGRESQL_BIN, 'pgbench'), ...to(pods), '-U', 'bench', ...args])
  const modes = ['simple', 'extended', 'prepared']
  const rows = await compare(t, {
    protocol: 'postgresql',
    start: async (context, pods) => {
      await startPostgresql(context, pods)
      await run(pods, '-i', '-q', 'postgres')
    },
    talk: async (pods) => {
      for (const mode of modes) {
        const count = ['-c', `${CLIENTS}`, '-t', `${TRANSACTIONS}`]
        await run(pods, '-n', ...count, '-M', mode, 'postgres')
      }
    },
    count: 7 * modes.length * CLIENTS * TRANSACTIONS,
  })
  const ends = rows.filter(({ method }) => method === 'END')
  assert.equal(ends.length, modes.length * CLIENTS * TRANSACTIONS)
})

test('the kernel tells of MariaDB what a capture tells', options, async (t) => {
  const run = (pods: CapturedPods, ...args: string[]) => {
    const to = [`--mysql-host=${pods.server.ipv4}`, `--mysql-port=${MARIADB_PORT}`]
    const where = ['--mysql-user=bench', '--mysql-db=shop', '--table-size=500']
    return runInPod(pods.client, ['sysbench', ...to, ...where, 'oltp_read_write', ...args])
  }
  const modes = ['auto', 'disable']
  const rows = await compare(t, {
    protocol: 'mysql',
    start: async (context, pods) => {
      await startMariadb(context, pods)
      await run(pods, 'prepare')
    },
    talk: async (pods) => {
      const count = ['--time=0', `--events=${TRANSACTIONS}`]
      for (const mode of modes) await run(pods, `--db-ps-mode=${mode}`, ...count, 'run')
    },
    count: 20 * modes.length * TRANSACTIONS,
  })
  const commits = rows.filter(({ method }) => method === 'COMMIT')
  assert.equal(commits.length, modes.length * TRANSACTIONS)
})
