/**
 * nghttp and nghttpx agree on HTTP/2 by a request of HTTP/1.1 (RFC 7540 §3.2). Not curl, which up
 * to 7.88 gives up where the answer comes before it has sent its preface.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Row } from '../kit/flowspan.ts'
import { Network, type Pod } from '../kit/netns.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Capture } from '../receivers/ebpf/capture.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PORT = 8080
const BACKEND_PORT = 8081
/** What is asked for by HTTP/1.1 is answered by more than the kernel copies. */
const SIZES = [200_000, 30_000, 500]
const FIRST = SIZES.slice(0, 1)
const CONNECTIONS = 10

async function startServer(t: TestContext, pod: Pod): Promise<void> {
  const directory = temporaryDirectory('upgrade')
  t.after(() => removeDirectory(directory))
  const www = join(directory, 'www')
  mkdirSync(www)
  for (const size of SIZES) writeFileSync(join(www, `${size}.bin`), Buffer.alloc(size))
  const python = ['python3', '-m', 'http.server', `${BACKEND_PORT}`, '--bind', '127.0.0.1']
  const backend = await serveInPod(pod, {
    port: BACKEND_PORT,
    command: [...python, '--protocol', 'HTTP/1.1', '--directory', www],
  })
  t.after(() => backend.stop())
  const proxy = await serveInPod(pod, {
    port: PORT,
    command: [
      ...['nghttpx', '--conf=/dev/null', '--workers=1', '--errorlog-file=/dev/null'],
      ...[`--frontend=0.0.0.0,${PORT};no-tls`, `--backend=127.0.0.1,${BACKEND_PORT}`],
    ],
  })
  t.after(() => proxy.stop())
}

test(
  'HTTP/2 that a request of HTTP/1.1 asks for is read from its first stream on',
  options,
  async (t) => {
    const network = new Network()
    t.after(() => network.close())
    const server = network.pod('server')
    const pod = network.pod('client')
    await startServer(t, server)
    const capture = await Capture.start()
    t.after(() => capture.stop())

    const asked = await ask(pod, { server, sizes: SIZES })
    // The proxy has its answer at once now, and sends of it before it has the client's preface.
    for (let i = 1; i < CONNECTIONS; i++) asked.push(...(await ask(pod, { server, sizes: FIRST })))
    const rows = await waitFor('Both ends of all requests', () => {
      const of = capture.rows.filter(
        ({ kind, dst_port }) => kind === 'exchange' && dst_port === PORT,
      )
      return of.length >= 2 * asked.length ? of : undefined
    })
    for (const role of ['client', 'server']) {
      assert.deepEqual(
        rows
          .filter((row) => row.role === role)
          .map(short)
          .sort(),
        asked.map((size) => ['http', '2', 'GET', `/${size}.bin`, 200, 0]).sort(),
      )
    }
    for (const { target, response_bytes } of rows) {
      const framing = Number(response_bytes) - Number(/\d+/.exec(String(target)))
      assert.ok(framing > 0 && framing < 1000, `${target}: ${framing}`)
    }
  },
)

/** On a connection of its own. Gives the sizes. */
async function ask(
  pod: Pod,
  { server, sizes }: { server: Pod; sizes: readonly number[] },
): Promise<number[]> {
  const urls = sizes.map((size) => `http://${server.ipv4}:${PORT}/${size}.bin`)
  const options = ['--upgrade', '--null-out', '--stat']
  const { stdout } = await runInPod(pod, ['nghttp', ...options, ...urls])
  assert.equal(stdout.match(/ 200 .* \/\d+\.bin$/gm)?.length, sizes.length, stdout)
  return [...sizes]
}

function short(row: Row): unknown[] {
  const { protocol, protocol_version, method, target, status, desynchronised } = row
  return [protocol, protocol_version, method, target, status, desynchronised]
}
