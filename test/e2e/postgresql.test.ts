import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 180_000 }
const PORT = 5432
const CLIENTS = 2
const TRANSACTIONS = 15
/** How pgbench asks: in one message, in five, or by the name of what it has prepared. */
const MODES = ['simple', 'extended', 'prepared']
/** A server that refuses root runs as who owns nothing else. */
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

const [bin = ''] = globSync('/usr/lib/postgresql/*/bin')

async function startServer(t: TestContext, pods: CapturedPods): Promise<void> {
  const data = join(pods.directory, 'data')
  chmodSync(pods.directory, 0o777)
  mkdirSync(data, { mode: 0o700 })
  execFileSync('chown', ['65534:65534', data])
  const make = [join(bin, 'initdb'), '-D', data, '-U', 'bench', '-A', 'trust', '--no-sync']
  execFileSync(AS_NOBODY[0] as string, [...AS_NOBODY.slice(1), ...make], { stdio: 'ignore' })
  execFileSync('sh', ['-c', `echo 'host all all 0.0.0.0/0 trust' >> ${data}/pg_hba.conf`])
  const settings = ['listen_addresses=0.0.0.0', 'fsync=off', `unix_socket_directories=${data}`]
  const server = await serveInPod(pods.server, {
    port: PORT,
    command: [
      ...AS_NOBODY,
      join(bin, 'postgres'),
      ...['-D', data],
      ...settings.flatMap((s) => ['-c', s]),
    ],
  })
  t.after(() => server.stop())
}

test(
  'a real PostgreSQL: every statement of pgbench, in all three ways to ask',
  options,
  async (t) => {
    const pods = new CapturedPods()
    t.after(() => pods.close())
    await startServer(t, pods)
    const to = ['-h', pods.server.ipv4, '-p', `${PORT}`, '-U', 'bench']
    const run = (...args: string[]) => runInPod(pods.client, [join(bin, 'pgbench'), ...to, ...args])
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
