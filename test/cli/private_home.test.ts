import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Marked } from './marked.ts'

const ROOT = join(import.meta.dirname, '../..')
const START_MS = 60_000
const SPANS_MS = 20_000
const OWNER = 1000
const skip = process.getuid?.() === 0 ? false : 'mounts need root: run it with sudo'

/** Every component that can do its work without a backend. */
function config(output: string): string {
  return `
receivers: { ebpf: }
processors: { k8s_attributes: { auth_type: none }, stitch: { window: 200ms, window_total: 400ms } }
connectors: { flow_spans: , flow_metrics: { metrics_flush_interval: 500ms } }
exporters:
  debug: { verbosity: tree }
  debug/detailed: { verbosity: detailed }
  file: { path: ${output} }
  nop:
  otlp: { endpoint: "localhost:1", tls: { insecure: true } }
service:
  shutdown_timeout: 5s
  telemetry: { metrics: { address: "localhost:0" } }
  pipelines:
    flows:
      receivers: [ebpf]
      processors: [k8s_attributes, stitch]
      exporters: [flow_spans, flow_metrics, nop]
    traces: { receivers: [flow_spans], exporters: [file, debug, debug/detailed, otlp] }
    metrics: { receivers: [flow_metrics], exporters: [debug/detailed] }`
}

test('it runs from a home that only its owner may enter, as nobody, to the end', {
  skip,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowspan-home-'))
  const home = join(folder, 'home')
  const output = join(folder, 'out')
  for (const path of [join(home, 'repository'), output]) mkdirSync(path, { recursive: true })
  writeFileSync(join(home, 'config.yaml'), config(join(output, 'spans.jsonl')))
  chmodSync(folder, 0o755)
  chmodSync(output, 0o777)
  chmodSync(home, 0o700)
  // Somebody's home, and not root's: sudo is how most people would run it.
  chownSync(home, OWNER, OWNER)
  const script =
    'mount --bind "$1" "$2/repository" && cd "$2" && shift 2 && exec repository/bin/flowspan "$@"'
  const args = [ROOT, home, 'run', '--config', join(home, 'config.yaml')]
  const flowspan = new Marked(['unshare', '--mount', 'sh', '-c', script, 'sh', ...args])
  const server = createServer((_, response) => response.end('hello'))
  try {
    await flowspan.saying(/Everything is ready/, START_MS)
    const { promise, resolve } = Promise.withResolvers<void>()
    server.listen(0, '127.0.0.1', resolve)
    await promise
    const { port } = server.address() as AddressInfo
    // From another process: a capture of this one alone would prove less.
    const curl = new Marked(['curl', '-s', `http://127.0.0.1:${port}/from-a-home`])
    assert.deepEqual(await curl.exited, [0, null])
    const deadline = performance.now() + SPANS_MS
    while (!spans(output).includes('/from-a-home') && performance.now() < deadline) await sleep(100)
    assert.match(spans(output), /from-a-home/, flowspan.output)
    flowspan.process.kill('SIGTERM')
    assert.deepEqual(await flowspan.exited, [0, null], flowspan.output)
    assert.match(flowspan.output, /from-a-home/)
    // A module or file that is read too late shows as one of these.
    assert.doesNotMatch(flowspan.output, /EACCES|MODULE_NOT_FOUND|ENOENT|FATAL/)
  } finally {
    server.close()
    await flowspan.clean()
    rmSync(folder, { recursive: true })
  }
})

function spans(output: string): string {
  try {
    return readFileSync(join(output, 'spans.jsonl'), 'utf8')
  } catch {
    return ''
  }
}
