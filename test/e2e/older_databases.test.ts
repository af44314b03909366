/** Clients of real databases that have been connected since before the programs were loaded. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { MARIADB_PORT, POSTGRESQL_PORT, startMariadb, startPostgresql } from '../kit/databases.ts'
import type { Row } from '../kit/flowspan.ts'
import { inPod } from '../kit/netns.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Capture } from '../receivers/ebpf/capture.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }

interface Database {
  readonly protocol: string
  readonly port: number
  readonly start: (t: TestContext, pods: CapturedPods) => Promise<void>
  readonly client: (host: string) => readonly string[]
  /** Of a table that is not there. */
  readonly error: string
}

const DATABASES: readonly Database[] = [
  {
    protocol: 'postgresql',
    port: POSTGRESQL_PORT,
    start: startPostgresql,
    client: (host) => ['env', 'PGSSLMODE=disable', 'psql', '-h', host, '-U', 'bench', 'postgres'],
    error: '42P01',
  },
  {
    protocol: 'mysql',
    port: MARIADB_PORT,
    start: startMariadb,
    client: (host) => ['mariadb', '--skip-ssl', '-nf', '-h', host, '-u', 'bench', 'shop'],
    error: '1146',
  },
]

/** Takes statements line by line, for as long as the test goes on. */
class Session {
  readonly program: Program
  readonly #input: number

  constructor(t: TestContext, { pods, command }: { pods: CapturedPods; command: string }) {
    const pipe = join(pods.directory, 'statements')
    execFileSync('mkfifo', [pipe])
    this.#input = openSync(pipe, 'r+')
    this.program = new Program(inPod(pods.client, ['sh', '-c', `exec ${command} < ${pipe}`]))
    t.after(async () => {
      await this.program.stop()
      closeSync(this.#input)
    })
  }

  async ask(statement: string, answer: RegExp): Promise<void> {
    writeSync(this.#input, `${statement};\n`)
    await this.program.line(answer)
  }
}

for (const { protocol, port, start, client, error } of DATABASES) {
  test(
    `${protocol}: an older connection is read from its next statement on`,
    options,
    async (t) => {
      const pods = new CapturedPods()
      t.after(() => pods.close())
      await start(t, pods)
      const command = client(pods.server.ipv4).join(' ')
      const session = new Session(t, { pods, command })
      await session.ask('SELECT 40 + 1', /41/)
      const capture = await Capture.start()
      t.after(() => capture.stop())

      await session.ask('SELECT 40 + 2 FROM (SELECT 1) AS one', /42/)
      await session.ask('SELECT 40 + 3', /43/)
      await session.ask('SELECT secret FROM nowhere', /nowhere/)
      const rows = await waitFor('All statements at both ends', () => {
        const of = capture.rows.filter((row) => row.kind === 'exchange' && row.dst_port === port)
        return of.length >= 6 ? of : undefined
      })
      for (const role of ['client', 'server']) {
        assert.deepEqual(rows.filter((row) => row.role === role).map(short), [
          [protocol, 'SELECT', '', 'desynchronised'],
          [protocol, 'SELECT', '', ''],
          [protocol, 'SELECT', error, ''],
        ])
      }
    },
  )
}

function short({ protocol, method, error, desynchronised }: Row): unknown[] {
  return [protocol, method, error, desynchronised === 0 ? '' : 'desynchronised']
}
