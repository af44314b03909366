/** Three gateways as docs/GATEWAY.md configures them, and an agent's exporter before them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { schema } from '../../../exporters/load_balancing/config.ts'
import { loadBalancing } from '../../../exporters/load_balancing/index.ts'
import type { Exporter, ExporterFactory } from '../../../pipeline/component.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { linesIn } from '../../kit/lines.ts'
import { freePorts } from '../../kit/ports.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../../kit/processes.ts'
import { type RunningService, startService } from '../../kit/service.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { batchOf, type Row } from '../../processors/stitch/rows.ts'

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
const CHAINS = 20
const DEPTH = 5

interface Ports {
  readonly rows: number
  readonly pairs: number
}

/** Ids of stitch differ, for all gateways of this test are in one process. */
function gateway(host: string, { rows, pairs }: Ports, file: string): string {
  const id = `stitch/${host.replaceAll('.', '-')}`
  return `
receivers:
  otlp/rows: { protocols: { grpc: { endpoint: "${host}:${rows}" } } }
  otlp/pairs: { protocols: { grpc: { endpoint: "${host}:${pairs}" } } }
processors:
  ${id}: { wait: always, part: pairs }
  ${id}-causes: { wait: always, part: causes, memory: ${id} }
exporters:
  load_balancing:
    routing_key: flow_id
    resolver: { static: { hostnames: [${HOSTS.map((h) => `"${h}:${pairs}"`)}] } }
    protocol: { otlp: { tls: { insecure: true } } }
  file: { path: ${file}, flush_interval: 20ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    flows/rows: { receivers: [otlp/rows], processors: [${id}-causes], exporters: [load_balancing] }
    flows/pairs: { receivers: [otlp/pairs], processors: [${id}], exporters: [file] }
`
}

async function agent(t: TestContext, port: number): Promise<Exporter<'flows'>> {
  const config = schema.parse({
    routing_key: 'cause',
    resolver: { static: { hostnames: HOSTS.map((host) => `${host}:${port}`) } },
    protocol: { otlp: { tls: { insecure: true } } },
  })
  const create = (loadBalancing as ExporterFactory).create.flows
  assert(create)
  const made = await create(settingsOf({ id: 'load_balancing' }), config)
  await made.start?.(hostOf())
  t.after(() => made.shutdown?.(AbortSignal.timeout(2000)))
  return made
}

/** A request that goes through so many services: what the host of each has seen, apart. */
function chainOf(chain: number): Row[][] {
  const flow = (depth: number) => 1000 * (chain + 1) + 7 * depth
  return Array.from({ length: DEPTH + 1 }, (_, depth): Row[] => [
    ...(depth > 0 ? [{ role: 'server', flow: flow(depth), name: `server ${depth}` } as const] : []),
    ...(depth < DEPTH
      ? [
          {
            role: 'client',
            flow: flow(depth + 1),
            name: `client ${depth + 1}`,
            ...(depth > 0 && { cause: { flow: flow(depth), offset: 0 } }),
          } as const,
        ]
      : []),
  ])
}

interface Line {
  readonly method: string
  readonly trace_id: string
  readonly span_id: string
  readonly parent_span_id?: string
}

test('requests through five services on hosts of their own are one trace each', async (t) => {
  const directory = temporaryDirectory('gateways')
  t.after(() => removeDirectory(directory))
  const [rows, pairs] = (await freePorts(2)) as [number, number]
  const files = HOSTS.map((host) => join(directory, `${host}.jsonl`))
  const services: RunningService[] = []
  for (const [i, host] of HOSTS.entries()) {
    services.push(await startService(t, gateway(host, { rows, pairs }, files[i] as string)))
  }
  const sending = await agent(t, rows)
  const all = Array.from({ length: CHAINS }, (_, chain) => chainOf(chain))
  // The callee's host first: the order that a root's row, which ends last, makes the common one.
  for (let depth = DEPTH; depth >= 0; depth--) {
    for (const chain of all) {
      assert.equal(await sending.consume(batchOf(chain[depth] as Row[])), OK)
    }
  }
  const lines = (): Line[] =>
    files.flatMap((file) => linesIn(file)).map((line) => JSON.parse(line) as Line)
  const wanted = CHAINS * DEPTH * 2
  await waitFor('every row', () => (lines().length === wanted ? true : undefined))
  const spans = new Map(lines().map((line) => [line.span_id, line]))
  assert.equal(spans.size, wanted)
  for (const { method, trace_id, parent_span_id } of spans.values()) {
    const [role, depth] = method.split(' ') as [string, string]
    const right = role === 'server' ? `client ${depth}` : `server ${Number(depth) - 1}`
    const parent = spans.get(parent_span_id ?? '')
    assert.equal(parent?.method ?? 'server 0', right, method)
    if (parent !== undefined) assert.equal(parent.trace_id, trace_id)
  }
  assert.equal(new Set(lines().map(({ trace_id }) => trace_id)).size, CHAINS)
  const shares = files.map((file) => linesIn(file).length)
  assert(
    shares.every((count) => count > wanted / 10),
    `each gateway has its share: ${shares}`,
  )
})
