/** Real servers, and clients that ask them a fixed number of times. */
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program, removeDirectory, temporaryDirectory } from '../test/kit/processes.ts'

export const HOST = '127.0.0.1'
const EXCHANGES = 20_000
const CONNECTIONS = 8
const [POSTGRESQL_BIN = ''] = globSync('/usr/lib/postgresql/*/bin')
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const
const PYTHON_GETS = `
import sys
from pymemcache.client.base import Client
client = Client(('${HOST}', int(sys.argv[1])), no_delay=True)
client.set('user:1234:cart', 'x' * 612)
for _ in range(int(sys.argv[2])):
    client.get('user:1234:cart')
`

type Command = readonly [string, ...string[]]

export interface Load {
  readonly name: string
  readonly exchanges: number
  readonly serve: (port: number) => Promise<{ stop(): Promise<void> }>
  readonly command: (port: number) => Command
}

/** A program, and its directory, until both are removed. */
async function started(
  port: number,
  command: (directory: string) => Command,
  prepare: (directory: string) => void = () => {},
): Promise<{ stop(): Promise<void> }> {
  const directory = temporaryDirectory('load')
  execFileSync('chown', ['65534:65534', directory])
  prepare(directory)
  const program = new Program(command(directory))
  await program.listens({ host: HOST, port })
  const stop = async () => {
    await program.stop()
    removeDirectory(directory)
  }
  return { stop }
}

function asNobody(command: Command): void {
  execFileSync(AS_NOBODY[0], [...AS_NOBODY.slice(1), ...command], { stdio: 'ignore' })
}

function nginx(port: number, protocol: string): Promise<{ stop(): Promise<void> }> {
  const config = (directory: string) => {
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    mkdirSync(join(directory, 'tmp'))
    return `daemon off; master_process off; pid ${directory}/pid; error_log stderr error;
events { worker_connections 64; }
http { access_log off; keepalive_requests 1000000;
  ${paths.map((name) => `${name}_temp_path ${directory}/tmp;`).join(' ')}
  server { listen ${HOST}:${port}${protocol}; return 200 "${'x'.repeat(612)}"; } }`
  }
  return started(
    port,
    (directory) => ['/usr/sbin/nginx', '-c', join(directory, 'conf')],
    (directory) => writeFileSync(join(directory, 'conf'), config(directory)),
  )
}

function h2load(more: readonly string[]) {
  const options = ['-n', `${EXCHANGES}`, '-c', `${CONNECTIONS}`, ...more]
  return (port: number): Command => ['h2load', ...options, `http://${HOST}:${port}/orders/17`]
}

function postgresql(port: number): Promise<{ stop(): Promise<void> }> {
  const account = ['-U', 'bench', '-A', 'trust', '--no-sync']
  return started(
    port,
    (at) => [
      ...AS_NOBODY,
      join(POSTGRESQL_BIN, 'postgres'),
      ...['-D', `${at}/data`, '-p', `${port}`, '-k', at, '-h', HOST, '-c', 'fsync=off'],
    ],
    (at) => asNobody([join(POSTGRESQL_BIN, 'initdb'), '-D', `${at}/data`, ...account]),
  )
}

function pgbench(mode: string) {
  return (port: number): Command => {
    const perClient = ['-c', `${CONNECTIONS}`, '-t', `${EXCHANGES / CONNECTIONS}`, '-M', mode]
    const to = ['-n', '-f', '-', '-h', HOST, '-p', `${port}`, '-U', 'bench', 'postgres']
    const bench = [join(POSTGRESQL_BIN, 'pgbench'), ...perClient, ...to].join(' ')
    return ['sh', '-c', `echo "SELECT 'x' AS a, 42 AS b;" | PGSSLMODE=disable ${bench}`]
  }
}

function mariadb(port: number): Promise<{ stop(): Promise<void> }> {
  const account = `CREATE DATABASE bench; CREATE USER bench@'%'; GRANT ALL ON *.* TO bench@'%';`
  const where = (at: string) => ['--no-defaults', `--datadir=${at}/data`]
  return started(
    port,
    (at) => [
      ...AS_NOBODY,
      'mariadbd',
      ...where(at),
      ...[`--bind-address=${HOST}`, `--port=${port}`, `--socket=${at}/socket`],
      ...['--skip-name-resolve', `--init-file=${at}/account.sql`],
    ],
    (at) => {
      writeFileSync(join(at, 'account.sql'), account.replaceAll('; ', ';\n'))
      asNobody(['mariadb-install-db', ...where(at), '--skip-test-db'])
    },
  )
}

export const LOADS: readonly Load[] = [
  {
    name: 'HTTP/1.1 GET, nginx and h2load',
    exchanges: EXCHANGES,
    serve: (port) => nginx(port, ''),
    command: h2load(['--h1']),
  },
  {
    name: 'HTTP/2 GET, a stream at a time',
    exchanges: EXCHANGES,
    serve: (port) => nginx(port, ' http2'),
    command: h2load(['-m', '1']),
  },
  {
    name: 'HTTP/2 GET, 16 streams at a time',
    exchanges: EXCHANGES,
    serve: (port) => nginx(port, ' http2'),
    command: h2load(['-m', '16']),
  },
  ...['simple', 'prepared'].map((mode) => ({
    name: `PostgreSQL SELECT, ${mode}`,
    exchanges: EXCHANGES,
    serve: postgresql,
    command: pgbench(mode),
  })),
  {
    name: 'MySQL SELECT, MariaDB and mariadb-slap',
    exchanges: EXCHANGES,
    serve: mariadb,
    command: (port) => [
      ...(['mariadb-slap', '--no-defaults', '-h', HOST, '-P', `${port}`, '-u', 'bench'] as const),
      ...['--create-schema=bench', '--no-drop', '--query=SELECT 42', '--skip-ssl'],
      ...[`--concurrency=${CONNECTIONS}`, `--number-of-queries=${EXCHANGES}`],
    ],
  },
  {
    name: 'Redis GET, redis-benchmark',
    exchanges: EXCHANGES,
    serve: (port) =>
      started(port, (at) => [
        ...([
          'redis-server',
          '--port',
          `${port}`,
          '--bind',
          HOST,
          '--save',
          '',
          '--dir',
          at,
        ] as const),
      ]),
    command: (port) => [
      ...(['redis-benchmark', '-h', HOST, '-p', `${port}`, '-t', 'get', '-d', '612'] as const),
      ...['-c', `${CONNECTIONS}`, '-n', `${EXCHANGES}`],
    ],
  },
  {
    name: 'memcached get, pymemcache',
    exchanges: EXCHANGES,
    serve: (port) =>
      started(port, () => ['memcached', '-u', 'nobody', '-l', HOST, '-p', `${port}`]),
    command: (port) => ['/usr/bin/python3', '-c', PYTHON_GETS, `${port}`, `${EXCHANGES}`],
  },
]
