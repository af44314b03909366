/**
 * The configuration is exchanged again and again under real traffic: kept connections with
 * exchanges in flight, answers that are half sent. Everything is there in the end, once.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Flowspan, type FlowspanConfig, type Row } from '../kit/flowspan.ts'
import { freePorts } from '../kit/ports.ts'
import { Program } from '../kit/processes.ts'

const skip = process.getuid?.() === 0 ? false : 'capturing needs root: run it with sudo'
const RELOADS = 20
const KEPT = 8
/** Between two reloads: shorter than a slow answer takes. */
const PAUSE_MS = 200
const apps = join(import.meta.dirname, '../kit/apps')
const ROWS = 'rows.jsonl'
const HALVES = ['spans-a.jsonl', 'spans-b.jsonl'] as const

type Break = (config: MutableConfig) => void
// biome-ignore lint/suspicious/noExplicitAny: a configuration is broken at any depth
type MutableConfig = FlowspanConfig & Record<string, any>

/** What a reload may find, each of another kind: decoding, planning, opening, starting. */
const BREAKS: readonly Break[] = [
  ({ receivers }) => Object.assign(receivers.ebpf, { no_such_option: 1 }),
  ({ service }) =>
    Object.assign(service.pipelines, {
      metrics: { receivers: ['ebpf'], exporters: ['nop'] },
    }),
  ({ receivers }) => Object.assign(receivers.ebpf, { conn_ring_bytes: 8192 }),
  ({ exporters }) => Object.assign(exporters['file/rows'], { path: '/proc/no/such/folder' }),
]

/** The `n`th configuration: all that a reload can change is another than in the one before. */
function configOf(n: number): (directory: string) => MutableConfig {
  const half = n % 2
  return (directory) => {
    const file = (name: string) => ({ path: join(directory, name), append: true })
    const spans = `file/spans-${half}`
    const config: MutableConfig = {
      receivers: {
        ebpf: {
          interval: `${10 + n}ms`,
          interval_max: `${60 + n}ms`,
          batch: { rows: 100 + n, latency: `${100 + n}ms` },
          requests: { open_row_after: `${1000 - 10 * n}ms`, exchanges_max: 60_000 + n },
          connections_max: 60_000 - n,
        },
      },
      processors: {
        k8s_attributes: { auth_type: 'none' },
        stitch: { window: `${1000 + n}ms`, entries_max: 200_000 - n },
      },
      connectors: { flow_spans: {}, flow_metrics: { metrics_flush_interval: `${300 + n}ms` } },
      exporters: {
        'file/rows': { ...file(ROWS), flush_interval: `${50 + n}ms` },
        [spans]: { ...file(HALVES[half] as string), flush_interval: '100ms' },
        'file/extra': file('extra.jsonl'),
        nop: {},
      },
      service: {
        pipelines: {
          flows: {
            receivers: ['ebpf'],
            processors: ['k8s_attributes', 'stitch'],
            exporters: ['flow_spans', 'file/rows'],
          },
          traces: { receivers: ['flow_spans'], exporters: [spans] },
        },
      },
    }
    const { pipelines } = config.service as { pipelines: Record<string, object> }
    if (n % 2 === 1) {
      // As many takers of the receiver's rows come and go.
      pipelines['flows/extra'] = {
        receivers: ['ebpf'],
        processors: ['stitch'],
        exporters: ['file/extra', 'flow_metrics'],
      }
      pipelines.metrics = { receivers: ['flow_metrics'], exporters: ['nop'] }
    }
    return config
  }
}

/** Reloads that are broken leave what runs; every third is. */
async function reloadAll(flowspan: Flowspan): Promise<void> {
  for (let n = 1, broken = 0; n <= RELOADS; n++) {
    await sleep(PAUSE_MS)
    const isBroken = n % 3 === 0
    const config = configOf(n)
    const breakIt = BREAKS[broken % BREAKS.length] as Break
    const done = await flowspan.reload((directory) => {
      const whole = config(directory)
      if (isBroken) breakIt(whole)
      return whole
    })
    if (isBroken) broken++
    assert.equal(done, !isBroken, `reload ${n}: ${flowspan.text()}`)
  }
}

interface Sent {
  readonly requests: number
  readonly answered: number
  readonly connections: number
}

/** Before flowspan: that the server listens is found out by a connection, which is not traffic. */
async function startServer(t: TestContext): Promise<number> {
  const [port] = (await freePorts(1)) as [number]
  const server = new Program([process.execPath, join(apps, 'dribble.ts'), String(port)])
  t.after(() => server.stop())
  await server.listens({ host: '127.0.0.1', port })
  return port
}

/** Asks until the function it gives is called. */
function startClient(t: TestContext, port: number): () => Promise<Sent> {
  const url = `http://127.0.0.1:${port}`
  const client = new Program([process.execPath, join(apps, 'steady.ts'), url, String(KEPT)])
  t.after(() => client.stop())
  return async () => {
    process.kill(client.pid, 'SIGUSR2')
    const [line] = await client.line(/\{.*\}\n/)
    return JSON.parse(line) as Sent
  }
}

/** How often each value comes. */
function counts(values: readonly string[]): Map<string, number> {
  const all = new Map<string, number>()
  for (const value of values) all.set(value, (all.get(value) ?? 0) + 1)
  return all
}

/** Paths of the spans of one kind, from lines of OTLP/JSON. */
function pathsOf(flowspan: Flowspan, port: number): string[] {
  return HALVES.flatMap((name) => flowspan.lines(name)).flatMap((line) => {
    const { resourceSpans = [] } = JSON.parse(line) as { resourceSpans?: Resource[] }
    return resourceSpans
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
      .map((span) => ({ kind: span.kind, of: new Map(span.attributes.map(entryOf)) }))
      .filter(({ of }) => Number(of.get('server.port')) === port)
      .map(({ kind, of }) => `${kind} ${of.get('url.path') ?? pathOf(of.get('url.full'))}`)
  })
}

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: string | number }
}

interface Resource {
  readonly scopeSpans: readonly {
    readonly spans: readonly { readonly kind: number; readonly attributes: readonly Attribute[] }[]
  }[]
}

function entryOf({ key, value }: Attribute): [string, string] {
  return [key, String(value.stringValue ?? value.intValue)]
}

function pathOf(url: string | undefined): string {
  return url === undefined ? '' : new URL(url).pathname
}

function isOf(port: number): (row: Row) => boolean {
  return ({ dst }) => dst === `127.0.0.1:${port}`
}

test(`${RELOADS} reloads under traffic: every request and connection is there, once`, {
  skip,
  timeout: 180_000,
}, async (t) => {
  const port = await startServer(t)
  const flowspan = await Flowspan.start(configOf(0))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  const pids = { keeper: flowspan.pid, child: flowspan.childPid }
  const end = startClient(t, port)
  await reloadAll(flowspan)
  const sent = await end()
  assert.equal(sent.answered, sent.requests)
  assert.deepEqual({ keeper: flowspan.pid, child: flowspan.childPid }, pids)
  const balance = await flowspan.stop()
  t.diagnostic(JSON.stringify(sent))

  const { lost, unaccounted, held } = balance
  assert.deepEqual(
    { lost, unaccounted, held },
    { lost: 0, unaccounted: 0, held: 0 },
    flowspan.text(),
  )
  const rows = flowspan.rows(ROWS).filter(isOf(port))
  const exchanges = rows.filter(({ kind, state }) => kind === 'exchange' && state === 'closed')
  const byEnd = counts(exchanges.map(({ role, target }) => `${role} ${target}`))
  const twice = [...byEnd].filter(([, count]) => count !== 1)
  assert.deepEqual(twice, [])
  assert.equal(byEnd.size, 2 * sent.requests)
  const connections = rows.filter(({ kind }) => kind === 'connection')
  const states = counts(connections.map(({ role, state }) => `${role} ${state}`))
  for (const end of ['client open', 'client closed', 'server open', 'server closed']) {
    assert.equal(states.get(end), sent.connections, end)
  }
  const spans = counts(pathsOf(flowspan, port))
  assert.deepEqual(
    [...spans].filter(([, count]) => count !== 1),
    [],
  )
  assert.equal(spans.size, 2 * sent.requests)
})
