/**
 * What the kernel tells of real traffic, recorded while rows of it are made: the recording gives
 * the same rows again, byte for byte, at any speed, also of a spell in which records were lost.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { configOf } from '../kit/apps/nginx.ts'
import { CapturedPods } from '../kit/captured_pods.ts'
import { REDIS_PORT, startRedis } from '../kit/databases.ts'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { startUnbound } from '../kit/name_servers.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PROGRAM = join(import.meta.dirname, '../../bin/flowspan')
const APPS = join(import.meta.dirname, '../kit/apps')
const ROWS = 'rows.jsonl'
const [HTTP1, HTTP2] = [8080, 8081]
const run = promisify(execFile)

/** A small page, by both versions of HTTP. */
async function startNginx(t: TestContext, { directory, server }: CapturedPods): Promise<void> {
  const www = join(directory, 'www')
  mkdirSync(www)
  for (let i = 0; i < 20; i++) writeFileSync(join(www, `${i}.bin`), 'x'.repeat(i * 300))
  const file = join(directory, 'nginx.conf')
  const pages = `server { listen 0.0.0.0:${HTTP1}; listen 0.0.0.0:${HTTP2} http2; root ${www}; }`
  writeFileSync(file, configOf(directory, pages))
  const program = await serveInPod(server, { port: HTTP2, command: ['nginx', '-c', file] })
  t.after(() => program.stop())
}

/** Some of every protocol; the rings are too small for what Redis says at once. */
async function talk({ client, server }: CapturedPods): Promise<void> {
  const at = (port: number) => `http://${server.ipv4}:${port}`
  const redis = ['redis-benchmark', '-h', server.ipv4, '-p', `${REDIS_PORT}`, '-q']
  await runInPod(client, ['curl', '-s', '-o', '/dev/null', `${at(HTTP1)}/[0-30].bin?token=x`])
  await runInPod(client, [process.execPath, join(APPS, 'http2_client.ts'), at(HTTP2), '30'])
  await runInPod(client, [process.execPath, join(APPS, 'resolver.ts'), server.ipv4, '20'])
  await runInPod(client, [...redis, '-t', 'set,get', '-c', '20', '-n', '5000'])
  await runInPod(client, ['curl', '-s', '-o', '/dev/null', `${at(HTTP1)}/[0-9].bin`])
}

/** Plays it through a service of its own; gives the flow log. */
async function played(recording: string, speed: number): Promise<readonly string[]> {
  const flowspan = await Flowspan.start((directory) => ({
    receivers: { replay: { path: recording, speed } },
    exporters: { file: { path: join(directory, ROWS) } },
    service: { pipelines: { flows: { receivers: ['replay'], exporters: ['file'] } } },
  }))
  try {
    await flowspan.waitForLog(({ msg }) => msg === 'The recording was played', {
      timeoutMs: 60_000,
    })
    const { lost, unaccounted } = await flowspan.stop()
    assert.ok(lost > 0, 'what the kernel lost is lost again')
    assert.equal(unaccounted, 0)
    return flowspan.lines(ROWS)
  } finally {
    await flowspan.kill()
    flowspan.clean()
  }
}

test('a recording of real traffic gives its rows again, byte for byte', options, async (t) => {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await startNginx(t, pods)
  await startRedis(t, pods)
  const records = Array.from({ length: 20 }, (_, i) => `n${i}.shop. A 10.1.0.${i}`)
  await startUnbound(t, pods, { port: 53, zone: { records } })
  // A directory that only root may enter.
  const closed = temporaryDirectory('recording')
  t.after(() => removeDirectory(closed))
  const recording = join(closed, 'live.rec')
  const ebpf = {
    payload_ring_bytes: 65_536,
    connections: { interval: '1s' },
    record: { path: recording },
  }
  const flowspan = await Flowspan.start((directory) => ({
    receivers: { ebpf },
    exporters: { file: { path: join(directory, ROWS) } },
    service: { pipelines: { flows: { receivers: ['ebpf'], exporters: ['file'] } } },
  }))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  await talk(pods)
  const { components } = await flowspan.stop()
  assert.ok((components['receiver/ebpf']?.lost?.payload_ring_full ?? 0) > 0)
  assert.equal(statSync(recording).mode & 0o777, 0o600)

  const live = flowspan.lines(ROWS)
  const rows = live.map((line) => JSON.parse(line) as Row)
  for (const protocol of ['http', 'redis', 'dns']) {
    assert.ok(
      rows.some((row) => row.protocol === protocol),
      protocol,
    )
  }
  assert.ok(rows.some((row) => row.protocol_version === '2'))
  assert.ok(rows.some(({ lossy }) => lossy === true))
  for (const speed of [0, 5]) assert.deepEqual(await played(recording, speed), live)
})

test('`flowspan record` makes what `flowspan replay` shows', options, async (t) => {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await startNginx(t, pods)
  const file = join(pods.directory, 'short.rec')
  writeFileSync(file, 'before')
  let isOver = false
  const recorded = run(PROGRAM, ['record', file, '--duration', '3s']).finally(() => {
    isOver = true
  })
  // When it begins to capture it tells nobody: there are requests all the time.
  const page = `http://${pods.server.ipv4}:${HTTP1}/7.bin`
  while (!isOver) await runInPod(pods.client, ['curl', '-s', '-o', '/dev/null', page])
  await recorded
  assert.equal(statSync(`${file}.1`).size, 'before'.length)
  const { stdout } = await run(PROGRAM, ['replay', file], { maxBuffer: 256 << 20 })
  assert.match(stdout, /CLIENT GET \/7\.bin 200.*\n.*SERVER GET \/7\.bin 200/)
})
