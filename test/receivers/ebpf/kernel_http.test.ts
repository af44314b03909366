/** Real programs, real sockets, the real kernel: rows must say what the client counted. */
import assert from 'node:assert/strict'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { retryable } from '../../../pipeline/outcome.ts'
import { freePorts } from '../../kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory, waitFor } from '../../kit/processes.ts'
import { Capture, SKIP } from './capture.ts'
import type { Row } from './script.ts'

const SERVER = join(import.meta.dirname, 'http_server.ts')
const CLIENT = join(import.meta.dirname, 'http_client.ts')

interface Counted {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly sent: number
  readonly received: number
}

const MIXED = [
  { method: 'GET', path: '/length/10' },
  { method: 'GET', path: '/length/5000' },
  { method: 'GET', path: '/length/3000000' },
  { method: 'HEAD', path: '/length/5000' },
  { method: 'GET', path: '/none' },
  { method: 'GET', path: '/chunked/400' },
  { method: 'GET', path: '/chunked/400000' },
  { method: 'POST', path: '/length/3', body: 20 },
  { method: 'POST', path: '/length/3', body: 200_000 },
  { method: 'PUT', path: '/chunked/40', body: 100_000, chunked: true },
  { method: 'DELETE', path: '/none' },
  { method: 'GET', path: '/length/1', headers: { cookie: 'c'.repeat(3000) } },
]

let server: Program
let nginx: Program
let serverPort: number
let nginxPort: number
let directory: string

function exchanges(capture: Capture, port: number, role?: string): Row[] {
  return capture.rows.filter(
    (row) =>
      row.kind === 'exchange' &&
      row.state === 'closed' &&
      row.dst_port === port &&
      (role === undefined || row.role === role),
  )
}

function counted(rows: readonly Row[]): Counted[] {
  return rows.map((row) => ({
    method: row.method as string,
    path: row.target as string,
    status: row.status as number,
    sent: row.request_bytes as number,
    received: row.response_bytes as number,
  }))
}

async function ask(host: string, port: number, requests: readonly object[]): Promise<Counted[]> {
  const args = requests.map((request) => JSON.stringify(request))
  const client = new Program([process.execPath, CLIENT, host, String(port), ...args])
  const { code } = await client.exited
  assert.equal(code, 0, client.output)
  return JSON.parse(client.output) as Counted[]
}

function nginxConfig(): string {
  const paths = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name === 'body' ? 'client_body' : name}_temp_path ${directory}/${name};`)
    .join('\n  ')
  return `
user root; daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log stderr warn;
events {}
http {
  access_log off; sendfile on; root ${directory}/www;
  ${paths}
  proxy_http_version 1.1; proxy_set_header Connection "";
  upstream up { server 127.0.0.1:${serverPort}; keepalive 4; }
  upstream unused { server 127.0.0.1:${serverPort}; keepalive 4; }
  server {
    listen 127.0.0.1:${nginxPort}; listen [::1]:${nginxPort};
    location /up/ { proxy_pass http://up/; }
    location /unused/ { proxy_pass http://unused/; }
  }
}`
}

describe('receivers/ebpf on the kernel', { skip: SKIP }, () => {
  before(async () => {
    directory = temporaryDirectory('ebpf')
    ;[serverPort, nginxPort] = (await freePorts(2)) as [number, number]
    server = new Program([process.execPath, SERVER, String(serverPort)])
    await server.line(/ready/)
    mkdirSync(join(directory, 'www'))
    writeFileSync(join(directory, 'www/file'), 'f'.repeat(1_000_000))
    writeFileSync(join(directory, 'nginx.conf'), nginxConfig())
    nginx = new Program(['nginx', '-p', directory, '-c', join(directory, 'nginx.conf')])
    await nginx.listens({ host: '127.0.0.1', port: nginxPort })
  })

  after(async () => {
    await server?.stop()
    await nginx?.stop()
    removeDirectory(directory)
  })

  for (const host of ['127.0.0.1', '::1']) {
    test(`both ends of every request over a kept connection to ${host} are as the client counted`, async () => {
      const capture = await Capture.start()
      const expected = await ask(host, serverPort, MIXED)
      await capture.stop()
      assert.deepEqual(counted(exchanges(capture, serverPort, 'client')), expected)
      assert.deepEqual(counted(exchanges(capture, serverPort, 'server')), expected)
      for (const row of exchanges(capture, serverPort)) {
        assert.equal(row.desynchronised, 0, JSON.stringify(row))
        assert.equal(row.truncated, 0)
        assert.ok((row.duration_us as number) > 0 && (row.ttfb_us as number) >= 0)
        assert.match(row.comm as string, /^node/)
      }
    })

    test(`nginx at ${host} with sendfile, errors and conditions is as the client counted`, async () => {
      const capture = await Capture.start()
      const modified = statSync(join(directory, 'www/file')).mtime.toUTCString()
      const expected = await ask(host, nginxPort, [
        { method: 'GET', path: '/file' },
        { method: 'HEAD', path: '/file' },
        { method: 'GET', path: '/missing' },
        { method: 'GET', path: '/file', headers: { range: 'bytes=0-9' } },
        {
          method: 'GET',
          path: '/file',
          headers: { 'if-modified-since': modified },
        },
        { method: 'POST', path: '/file', body: 50_000 },
        { method: 'GET', path: '/up/chunked/80000' },
      ])
      await capture.stop()
      assert.deepEqual(
        expected.map(({ status }) => status),
        [200, 200, 404, 206, 304, 405, 200],
      )
      assert.deepEqual(counted(exchanges(capture, nginxPort, 'client')), expected)
      assert.deepEqual(counted(exchanges(capture, nginxPort, 'server')), expected)
      assert.ok(exchanges(capture, nginxPort, 'server').every(({ comm }) => comm === 'nginx'))
    })
  }

  test('both ends name a flow and a request alike', async () => {
    const capture = await Capture.start()
    await ask('127.0.0.1', serverPort, MIXED)
    await capture.stop()
    const keys = (role: string) =>
      exchanges(capture, serverPort, role).map((row) => `${row.flow_id} ${row.request_offset}`)
    assert.equal(new Set(keys('client')).size, MIXED.length)
    assert.deepEqual(keys('server'), keys('client'))
  })

  test('what nginx asks upstream is caused by the request it has read', async () => {
    const capture = await Capture.start()
    // Over connections that are opened now, of which all is seen.
    const requests = [1, 2, 3, 4, 5].map((n) => ({ method: 'GET', path: `/unused/length/${n}` }))
    await ask('127.0.0.1', nginxPort, requests)
    await capture.stop()
    const inbound = exchanges(capture, nginxPort, 'server')
    const calls = exchanges(capture, serverPort, 'client').filter(({ comm }) => comm === 'nginx')
    assert.equal(calls.length, requests.length)
    for (const [i, call] of calls.entries()) {
      const cause = inbound[i]
      assert.equal(call.target, `/length/${i + 1}`)
      assert.equal(call.cause_method, 'thread')
      assert.ok((call.cause_confidence as number) >= 0.9)
      assert.equal(call.cause_flow_id, cause?.flow_id)
      assert.equal(call.cause_offset, cause?.request_offset)
    }
  })

  test('curl: a query is redacted, an answer without a length ends with its connection', async () => {
    const capture = await Capture.start()
    const url = `http://127.0.0.1:${serverPort}/close?token=secret`
    const curl = new Program(['curl', '-s', '--http1.1', url])
    await curl.exited
    await capture.stop()
    const rows = exchanges(capture, serverPort, 'client')
    assert.equal(rows.length, 1)
    assert.equal(rows[0]?.target, '/close?token=REDACTED')
    assert.equal(rows[0]?.comm, 'curl')
    assert.equal(rows[0]?.response_bytes, 'HTTP/1.0 200 OK\r\n\r\nuntil the end'.length)
    assert.equal(rows[0]?.desynchronised, 0)
  })

  test('a request that nobody answers has status 0, and says how its connection ended', async () => {
    const capture = await Capture.start()
    const url = `http://127.0.0.1:${serverPort}/slow`
    await new Program(['curl', '-s', '--max-time', '0.3', url]).exited
    await waitFor('the exchange', () => exchanges(capture, serverPort, 'client')[0])
    await capture.stop()
    const [row] = exchanges(capture, serverPort, 'client')
    assert.deepEqual([row?.status, row?.error, row?.desynchronised], [0, 'connection_closed', 0])
  })

  test('an exchange that lasts longer than a second is told of while it lasts', async () => {
    const capture = await Capture.start()
    const asked = ask('127.0.0.1', serverPort, [{ method: 'GET', path: '/slow' }])
    const open = await waitFor('the open row', () =>
      capture.rows.find(
        ({ kind, state, role, dst_port }) =>
          kind === 'exchange' && state === 'open' && role === 'client' && dst_port === serverPort,
      ),
    )
    await asked
    await capture.stop()
    assert.equal(open.target, '/slow')
    const [closed] = exchanges(capture, serverPort, 'client')
    assert.ok(capture.rows.indexOf(open) < capture.rows.indexOf(closed as Row))
    assert.equal(closed?.flow_id, open.flow_id)
    assert.ok((closed?.duration_us as number) > 1_400_000)
  })

  test('servers that idle give no rows', async () => {
    const capture = await Capture.start()
    await sleep(500)
    const own = new Set([server.pid, nginx.pid])
    await capture.stop()
    assert.deepEqual(
      capture.rows.filter(
        ({ dst_port, pid }) =>
          dst_port === serverPort || dst_port === nginxPort || own.has(pid as number),
      ),
      [],
    )
  })

  test('a burst that overflows both rings is accounted for to the last record', async () => {
    const capture = await Capture.start({
      interval: '1h',
      interval_max: '1h',
      conn_ring_bytes: 4096,
      payload_ring_bytes: 16_384,
    })
    const requests = 100
    const url = `http://127.0.0.1:${serverPort}/length/[1-${requests}]`
    const header = 'Connection: close'
    const curl = new Program(['curl', '-s', '-o', '/dev/null', '-H', header, url])
    assert.equal((await curl.exited).code, 0)
    await capture.stop()
    const { ledger } = capture
    const { in: taken, out, used, lost } = ledger.entry()
    const kernel = (name: string) => ledger.notes.get(name) ?? 0
    // Open and closed, at both ends; and each request and response written and read.
    assert.ok(kernel('kernel_connection_events') >= 4 * requests)
    assert.ok(kernel('kernel_payload_events') >= 4 * requests)
    const connections = capture.rows.filter(({ kind }) => kind === 'connection').length
    const found = capture.rows.length - connections
    const lostOf = (reason: string) => lost[reason] ?? 0
    assert.ok(lostOf('connection_ring_full') > 0 && lostOf('payload_ring_full') > 0)
    assert.equal(connections + lostOf('connection_ring_full'), kernel('kernel_connection_events'))
    assert.equal(
      (used.payload ?? 0) + lostOf('connection_unknown') + lostOf('payload_ring_full'),
      kernel('kernel_payload_events'),
    )
    const allLost = Object.values(lost).reduce((sum, count) => sum + count, 0)
    const allUsed = Object.values(used).reduce((sum, count) => sum + count, 0)
    assert.equal(taken, out + allUsed + allLost + capture.held())
    assert.equal(out, connections + found)
    for (const row of capture.rows) {
      if (row.kind === 'exchange') assert.equal(row.lossy, 1)
    }
  })

  test('what the pipeline refuses for now waits, then in the rings, and nothing is lost', async () => {
    const capture = await Capture.start({ backlog_rows_max: 10, batch: { rows: 5 } })
    let refusals = 0
    capture.answer = () => {
      refusals++
      return retryable('not yet', 20)
    }
    const expected = await ask('127.0.0.1', serverPort, [...MIXED, ...MIXED])
    await waitFor('refusals', () => refusals > 3)
    assert.ok(capture.held() >= 10)
    assert.equal(capture.rows.length, 0)
    capture.answer = () => ({ kind: 'ok' })
    await capture.stop()
    assert.deepEqual(counted(exchanges(capture, serverPort, 'client')), expected)
    assert.equal(capture.held(), 0)
    assert.deepEqual(capture.ledger.entry().lost, {})
  })
})
