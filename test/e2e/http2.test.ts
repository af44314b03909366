import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { configOf } from '../kit/apps/nginx.ts'
import { CapturedPods } from '../kit/captured_pods.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PORT = 8080
const FILES = 30
const CLIENT = join(import.meta.dirname, '../kit/apps/http2_client.ts')

test(
  'a real nginx: every request of many streams at once, its status and size',
  options,
  async (t) => {
    const pods = new CapturedPods()
    t.after(() => pods.close())
    const file = join(pods.directory, 'nginx.conf')
    const www = join(pods.directory, 'www')
    const page = `server { listen 0.0.0.0:${PORT} http2; root ${www}; }`
    writeFileSync(file, configOf(pods.directory, page))
    const size = (i: number) => i * i * 100
    mkdirSync(www)
    for (let i = 0; i < FILES; i++) writeFileSync(join(www, `${i}.bin`), Buffer.alloc(size(i)))
    const server = await serveInPod(pods.server, { port: PORT, command: ['nginx', '-c', file] })
    t.after(() => server.stop())
    await pods.capture()

    // Twice the files that there are: the others are not found.
    const origin = `http://${pods.server.ipv4}:${PORT}`
    const { stdout } = await runInPod(pods.client, [
      process.execPath,
      CLIENT,
      origin,
      String(2 * FILES),
    ])
    const seen = stdout
      .trim()
      .split('\n')
      .map((line) => line.replace('token=x', 'token=REDACTED').split(' '))
    assert.equal(seen.length, 2 * FILES)
    const rows = await pods.exchanges(seen.length)
    assert.deepEqual(
      rows
        .map((row) => `http ${row.protocol_version} ${row.method} ${row.target} ${row.status}`)
        .sort(),
      seen.map(([path, status]) => `http 2 GET ${path} ${status}`).sort(),
    )
    const bodies = new Map(seen.map(([path, , bytes]) => [path, Number(bytes)]))
    for (const { target, desynchronised, response_bytes } of rows) {
      assert.equal(desynchronised, undefined)
      // HEADERS, and a frame's header for each part of the body: nginx sends 8 KiB or less.
      const body = bodies.get(String(target)) as number
      const frames = Number(response_bytes) - body
      assert.ok(frames >= 9 && frames < 300 + 9 * (body / 512), `${target}: ${frames} of ${body}`)
    }
  },
)
