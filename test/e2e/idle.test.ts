/** flowspan does not see itself: what it exports makes no rows, or it would never be silent. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { goAvailable } from '../kit/backends.ts'
import { Flowspan } from '../kit/flowspan.ts'
import { startJaeger } from '../kit/jaeger.ts'
import { startCollector } from '../kit/otelcol.ts'
import { runInPod } from '../kit/pod_process.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Shop } from '../kit/shop.ts'

const go = await goAvailable()
const missing = missingForShop() ?? (go.available ? undefined : go.reason)
const FLOWS = 'flows.jsonl'
const SILENCE_MS = 3_000

test("flowspan's connections to its backends, and their answers, make no rows", {
  skip: skipUnless(missing),
  timeout: 60_000,
}, async (t) => {
  const jaeger = await startJaeger()
  t.after(() => jaeger.stop())
  const collector = await startCollector()
  t.after(() => collector.stop())
  const shop = await Shop.start()
  t.after(() => shop.close())
  const otlp = (endpoint: string) => ({ endpoint, tls: { insecure: true } })
  const flowspan = await Flowspan.start((directory) => ({
    receivers: { ebpf: {} },
    processors: { k8s_attributes: { auth_type: 'none' }, stitch: {} },
    connectors: { flow_spans: {}, flow_metrics: { metrics_flush_interval: '200ms' } },
    exporters: {
      file: { path: join(directory, FLOWS), flush_interval: '100ms' },
      'otlp/jaeger': otlp(jaeger.otlpGrpc),
      'otlp/collector': otlp(collector.otlpGrpc),
    },
    service: {
      pipelines: {
        flows: {
          receivers: ['ebpf'],
          processors: ['k8s_attributes', 'stitch'],
          exporters: ['flow_spans', 'flow_metrics', 'file'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['otlp/jaeger'] },
        metrics: { receivers: ['flow_metrics'], exporters: ['otlp/collector'] },
      },
    },
  }))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  // Something to export, so that both backends are connected to and answer.
  await runInPod(shop.client, ['curl', '-sS', '-o', '/dev/null', shop.url('ipv4', '/orders/7')])
  await jaeger.waitForTrace({ service: 'nginx' })
  await collector.waitFor('metrics', (requests) => requests.length > 0)
  await waitFor('The rows', () => flowspan.rows(FLOWS).length > 0)

  const ports = new Set([jaeger.otlpGrpc, collector.otlpGrpc].map((a) => a.split(':').at(-1)))
  const own = () =>
    flowspan
      .rows(FLOWS)
      .filter((row) => [row.src, row.dst].some((end) => ports.has(String(end).split(':').at(-1))))
  const exported = collector.metrics().length
  const silentFrom = Date.now()
  await sleep(SILENCE_MS)
  // It did export meanwhile, and on an idle host nothing came of it.
  assert.ok(collector.metrics().length > exported)
  assert.deepEqual(own(), [])
  const pids = new Set([flowspan.pid, flowspan.childPid, collector.pid])
  const rows = flowspan.rows(FLOWS)
  assert.deepEqual(
    rows.filter(({ pid }) => pids.has(pid as number)),
    [],
  )
  const late = rows.filter(
    ({ netns, start }) => netns === shop.client.inode && Date.parse(String(start)) > silentFrom,
  )
  assert.deepEqual(late, [])
  const { components } = await flowspan.stop()
  assert.ok((components['receiver/ebpf']?.notes?.own_connections ?? 0) > 0)
})
