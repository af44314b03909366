/** Database servers in pods: their data in the pods' directory, ended with the test. */
import { execFileSync } from 'node:child_process'
import { chmodSync, globSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { CapturedPods } from './captured_pods.ts'
import { serveInPod } from './pod_process.ts'

export const REDIS_PORT = 6379
export const POSTGRESQL_PORT = 5432
export const MARIADB_PORT = 3306
export const MEMCACHED_PORT = 11_211
/** Where PostgreSQL's programs are; not on the path. */
export const [POSTGRESQL_BIN = ''] = globSync('/usr/lib/postgresql/*/bin')

/** A server that refuses root runs as who owns nothing else. */
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
const ACCOUNT = `
CREATE DATABASE shop;
CREATE USER bench@'%';
GRANT ALL ON *.* TO bench@'%';
`

/** Without a password. */
export async function startRedis(t: TestContext, pods: CapturedPods): Promise<void> {
  const command = ['redis-server', '--port', `${REDIS_PORT}`, '--bind', '0.0.0.0', '--save', '']
  const server = await serveInPod(pods.server, {
    port: REDIS_PORT,
    command: [...command, '--protected-mode', 'no', '--dir', pods.directory],
  })
  t.after(() => server.stop())
}

/** Of TCP alone. */
export async function startMemcached(t: TestContext, pods: CapturedPods): Promise<void> {
  const listens = ['-l', '0.0.0.0', '-p', `${MEMCACHED_PORT}`, '-U', '0']
  const server = await serveInPod(pods.server, {
    port: MEMCACHED_PORT,
    command: ['memcached', '-u', 'root', ...listens],
  })
  t.after(() => server.stop())
}

/** User `bench`, database `postgres`. */
export async function startPostgresql(
  t: TestContext,
  pods: CapturedPods,
  more: readonly string[] = [],
): Promise<void> {
  const data = dataDirectory(pods)
  const make = [join(POSTGRESQL_BIN, 'initdb'), '-D', data, '-U', 'bench', '-A', 'trust']
  execFileSync('setpriv', [...AS_NOBODY.slice(1), ...make, '--no-sync'], { stdio: 'ignore' })
  execFileSync('sh', ['-c', `echo 'host all all 0.0.0.0/0 trust' >> ${data}/pg_hba.conf`])
  const basic = ['listen_addresses=0.0.0.0', 'fsync=off', `unix_socket_directories=${data}`]
  const settings = [...basic, ...more]
  const server = await serveInPod(pods.server, {
    port: POSTGRESQL_PORT,
    command: [
      ...AS_NOBODY,
      join(POSTGRESQL_BIN, 'postgres'),
      ...['-D', data],
      ...settings.flatMap((s) => ['-c', s]),
    ],
  })
  t.after(() => server.stop())
}

/** User `bench`, database `shop`. */
export async function startMariadb(
  t: TestContext,
  pods: CapturedPods,
  more: readonly string[] = [],
): Promise<void> {
  const data = dataDirectory(pods)
  const account = join(pods.directory, 'account.sql')
  writeFileSync(account, ACCOUNT)
  const where = ['--no-defaults', `--datadir=${data}`]
  const make = ['mariadb-install-db', ...where, '--skip-test-db']
  execFileSync('setpriv', [...AS_NOBODY.slice(1), ...make], { stdio: 'ignore' })
  const listens = ['--bind-address=0.0.0.0', `--port=${MARIADB_PORT}`, `--socket=${data}/socket`]
  const server = await serveInPod(pods.server, {
    port: MARIADB_PORT,
    command: [
      ...AS_NOBODY,
      'mariadbd',
      ...where,
      ...listens,
      ...['--skip-name-resolve', '--local-infile=1', `--init-file=${account}`],
      ...['--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=16M'],
      ...more,
    ],
  })
  t.after(() => server.stop())
}

function dataDirectory(pods: CapturedPods): string {
  const data = mkdtempSync(join(pods.directory, 'data-'))
  chmodSync(pods.directory, 0o777)
  execFileSync('chown', ['65534:65534', data])
  return data
}
