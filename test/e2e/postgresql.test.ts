import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { POSTGRESQL_BIN, POSTGRESQL_PORT, startPostgresql } from '../kit/databases.ts'
import { runInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 180_000 }
const CLIENTS = 2
const TRANSACTIONS = 15
/** How pgbench asks: in one message, in five, or by the name of what it has prepared. */
const MODES = ['simple', 'extended', 'prepared']
test(
  'a real PostgreSQL: every statement of pgbench, in all three ways to ask',
  options,
  async (t) => {
    const pods = new CapturedPods()
    t.after(() => pods.close())
    await startPostgresql(t, pods)
    const to = ['-h', pods.server.ipv4, '-p', `${POSTGRESQL_PORT}`, '-U', 'bench']
    const run = (...args: string[]) =>
      runInPod(pods.client, [join(POSTGRESQL_BIN, 'pgbench'), ...to, ...args])
    await runInPod(pods.client, [
      'env',
      'PGSSLMODE=disable',
      'psql',
      ...to,
      '-c',
      'SELECT 1',
      'postgres',
    ])
    await run('-i', '-q', 'postgres')
    await pods.capture()
    for (const mode of MODES) {
      await run('-n', '-c', `${CLIENTS}`, '-t', `${TRANSACTIONS}`, '-M', mode, 'postgres')
    }
    const wrong = ['psql', ...to, '-c', "SELECT 'secret' FROM nowhere", 'postgres']
    await runInPod(pods.client, wrong).catch(() => {})

    const each = MODES.length * CLIENTS * TRANSACTIONS
    const isLast = ({ target }: { target?: unknown }) => target === 'nowhere'
    await pods.exchanges(1, isLast)
    const rows = await pods.exchanges(each, ({ protocol }) => protocol === 'postgresql')
    const count = (method: string, target?: string) =>
      rows.filter((row) => row.method === method && row.target === target).length
    assert.deepEqual(
      {
        begin: count('BEGIN'),
        accounts: count('UPDATE', 'pgbench_accounts'),
        balance: count('SELECT', 'pgbench_accounts'),
        tellers: count('UPDATE', 'pgbench_tellers'),
        branches: count('UPDATE', 'pgbench_branches'),
        history: count('INSERT', 'pgbench_history'),
        end: count('END'),
      },
      {
        begin: each,
        accounts: each,
        balance: each,
        tellers: each,
        branches: each,
        history: each,
        end: each,
      },
    )
    assert.deepEqual(
      rows.filter((row) => row.desynchronised || row.truncated),
      [],
    )
    assert.deepEqual(new Set(rows.map(({ namespace }) => namespace)), new Set(['postgres']))
    const failed = rows.filter(({ error }) => error !== undefined)
    assert.deepEqual(
      failed.map(({ query, error }) => [query, error]),
      [['SELECT ? FROM nowhere', '42P01']],
    )
  },
)
