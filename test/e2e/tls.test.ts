/** Handshakes of real programs: what the kernel shows of them at both ends, and a capture. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { Authority } from '../kit/certificates.ts'
import { MARIADB_PORT, POSTGRESQL_PORT, startMariadb, startPostgresql } from '../kit/databases.ts'
import type { Row } from '../kit/flowspan.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Capture } from '../receivers/ebpf/capture.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const OPENSSL_PORT = 8441
const X25519_PORT = 8442
const NGINX_PORT = 8443
const NODE_PORT = 8444
const NAME = 'shop.example'
const AES = 'TLS_AES_256_GCM_SHA384'

interface Handshake {
  readonly what: string
  readonly command: string
  readonly port: number
  /** server name, version, ALPN, resumed; the cipher where the server has no choice. */
  readonly shows: readonly [name: string, version: string, alpn: string, resumed: boolean]
  readonly cipher?: string
  readonly isTimed?: boolean
}

function handshakes(address: string, directory: string): readonly Handshake[] {
  const client = (args: string, port = OPENSSL_PORT) =>
    `echo | openssl s_client -connect ${address}:${port} ${args} >/dev/null 2>&1`
  const curl = (args: string) =>
    `curl -sk -o /dev/null --connect-to ${NAME}:443:${address}:${NGINX_PORT} ${args} https://${NAME}/`
  const openssl = { port: OPENSSL_PORT }
  const nginx = { port: NGINX_PORT }
  const session = join(directory, 'session')
  const name = `-servername ${NAME}`
  return [
    {
      ...openssl,
      what: 'openssl, TLS 1.3, one protocol offered',
      command: client(`-tls1_3 ${name} -alpn h2`),
      shows: [NAME, '1.3', 'h2', false],
      cipher: AES,
    },
    {
      ...openssl,
      what: 'openssl, TLS 1.2, the server chooses a protocol',
      command: client(`-tls1_2 ${name} -alpn http/1.1,h2 -sess_out ${session}`),
      shows: [NAME, '1.2', 'h2', false],
      cipher: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    },
    {
      ...openssl,
      what: 'openssl, TLS 1.2, the session goes on',
      command: client(`-tls1_2 ${name} -sess_in ${session}`),
      shows: [NAME, '1.2', '', true],
    },
    {
      ...openssl,
      what: 'openssl without a server name',
      command: client('-tls1_3 -noservername'),
      shows: ['', '1.3', '', false],
    },
    {
      what: 'openssl, the server asks for another hello',
      command: client(`-tls1_3 ${name} -groups P-256:X25519`, X25519_PORT),
      port: X25519_PORT,
      shows: [NAME, '1.3', '', false],
      isTimed: false,
    },
    { ...nginx, what: 'curl and nginx', command: curl(''), shows: [NAME, '1.3', '', false] },
    {
      ...nginx,
      what: 'curl and nginx, HTTP/2 by TLS 1.2',
      command: curl('--tls-max 1.2'),
      shows: [NAME, '1.2', 'h2', false],
    },
    {
      ...nginx,
      what: 'curl and nginx, HTTP/1.1 alone',
      command: curl('--http1.1'),
      shows: [NAME, '1.3', 'http/1.1', false],
    },
    {
      what: 'Node at both ends',
      command: `${process.execPath} -e "${nodeClient(address)}"`,
      port: NODE_PORT,
      shows: [NAME, '1.3', 'http/1.1', false],
    },
    {
      // Its default is a curve that no client sends a key for at once: another hello.
      what: 'psql and PostgreSQL',
      command: `PGSSLMODE=require psql -h ${address} -U bench -c 'SELECT 1' postgres >/dev/null`,
      port: POSTGRESQL_PORT,
      shows: ['', '1.3', '', false],
      isTimed: false,
    },
    {
      what: 'mariadb at both ends',
      command: `mariadb --ssl -h ${address} -u bench -e 'SELECT 1' shop >/dev/null`,
      port: MARIADB_PORT,
      shows: ['', '1.3', '', false],
    },
  ]
}

function nodeClient(host: string): string {
  const to = `{ host: '${host}', port: ${NODE_PORT}, servername: '${NAME}' }`
  const more = "rejectUnauthorized: false, agent: false, ALPNProtocols: ['http/1.1']"
  return `require('https').get({ ...${to}, ${more} }, (r) => r.resume())`
}

function nginxConfig(directory: string, pair: { cert: string; key: string }): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  )
  return `user root; daemon off; worker_processes 1; pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off; ${paths.join(' ')}
  server {
    listen 0.0.0.0:${NGINX_PORT} ssl http2;
    ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key};
    ssl_protocols TLSv1.2 TLSv1.3; return 200 hello;
  }
}
`
}

async function startServers(t: TestContext, pods: CapturedPods): Promise<void> {
  const { directory } = pods
  const pair = new Authority(directory).issue('server')
  const serve = async (port: number, command: readonly string[]) => {
    const server = await serveInPod(pods.server, { port, command })
    t.after(() => server.stop())
  }
  const files = ['-cert', pair.cert, '-key', pair.key]
  const openssl = (port: number) =>
    ['openssl', 's_server', '-accept', `0.0.0.0:${port}`, '-www', '-quiet', ...files] as const
  await serve(OPENSSL_PORT, [...openssl(OPENSSL_PORT), '-alpn', 'h2,http/1.1'])
  await serve(X25519_PORT, [...openssl(X25519_PORT), '-groups', 'X25519'])
  const config = join(directory, 'nginx.conf')
  writeFileSync(config, nginxConfig(directory, pair))
  await serve(NGINX_PORT, ['nginx', '-c', config])
  const read = (file: string) => `require('fs').readFileSync('${file}')`
  const node = `require('https').createServer({ cert: ${read(pair.cert)}, key: ${read(pair.key)} },
    (_, r) => r.end('hello')).listen(${NODE_PORT})`
  await serve(NODE_PORT, [process.execPath, '-e', node])
  // Databases refuse a key that others may read, or that is not their own.
  const [cert, key] = [join(directory, 'database.pem'), join(directory, 'database.key')]
  copyFileSync(pair.cert, cert)
  copyFileSync(pair.key, key)
  execFileSync('chown', ['65534:65534', cert, key])
  chmodSync(key, 0o600)
  await startPostgresql(t, pods, ['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`])
  await startMariadb(t, pods, [`--ssl-cert=${cert}`, `--ssl-key=${key}`])
}

test('real handshakes show the same at both ends and in a capture', options, async (t) => {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await startServers(t, pods)
  await pods.capture()
  const kernel = await Capture.start()
  t.after(() => kernel.stop())

  const made = handshakes(pods.server.ipv4, pods.directory)
  for (const { command } of made) await runInPod(pods.client, ['sh', '-c', command])

  const ports = new Set(made.map(({ port }) => port))
  const isOurs = (port: unknown) => ports.has(Number(port))
  const atKernel = (role: string) =>
    kernel.rows.filter((row) => row.state === 'closed' && row.role === role && isOurs(row.dst_port))
  await waitFor('both ends of all connections', () =>
    ['client', 'server'].every((role) => atKernel(role).length >= made.length) ? true : undefined,
  )
  const inCapture = await pods.connections(made.length, ({ dst }) =>
    isOurs(String(dst).split(':')[1]),
  )
  const flag = (value: unknown) => value === true || value === 1
  const shown = (row: Row) => [
    row.tls_server_name ?? '',
    row.tls_version ?? '',
    row.tls_alpn ?? '',
    flag(row.tls_resumed),
  ]
  for (const [where, rows] of [
    ['client', atKernel('client')],
    ['server', atKernel('server')],
    ['capture', inCapture],
  ] as const) {
    const inOrder = rows.toSorted((a, b) => (a.start as number) - (b.start as number))
    for (const [i, { what, shows, cipher, isTimed = true }] of made.entries()) {
      const row = (where === 'capture' ? rows[i] : inOrder[i]) as Row
      assert.deepEqual(shown(row), shows, `${what}, ${where}`)
      if (cipher !== undefined) assert.equal(row.tls_cipher, cipher)
      const us = Number(row.tls_handshake_us)
      assert.equal(us > 0 && us < 5e6, isTimed, `${what}, ${where}: ${us} µs`)
    }
  }
  const wrong = kernel.rows.filter(({ kind, dst_port }) => kind === 'exchange' && isOurs(dst_port))
  assert.deepEqual(wrong, [])
})
