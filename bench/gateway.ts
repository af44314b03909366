/**
 * What a gateway costs as its agents become more: CPU and memory at a steady rate of exchanges, and
 * how long it takes from a response to its span at the backend.
 *
 *     agents (one process, a connection each) ──OTLP/gRPC, gzip──▶ gateway ──OTLP/gRPC──▶ backend
 *
 * The gateway is its own process, configured as docs/GATEWAY.md has it, and so is the Collector,
 * which passes the same log records on as they are. CPU is the kernel's of the whole process.
 *
 * BENCH_RATE: exchanges a second; BENCH_AGENTS: numbers of agents; BENCH_SECONDS: of each way;
 * BENCH_WAYS: a regular expression for names of ways.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { ensureBackend } from '../test/kit/backends.ts'
import { type Kubernetes, startKubernetes } from '../test/kit/kubernetes.ts'
import {
  createNamespace,
  createNode,
  createPod,
  createService,
} from '../test/kit/kubernetes_objects.ts'
import { freePorts } from '../test/kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory } from '../test/kit/processes.ts'
import type { Sent } from './gateway_load.ts'
import { HOSTS_MAX, podAddress } from './gateway_rows.ts'
import type { Arrived } from './gateway_sink.ts'
import { describeMachine } from './machine.ts'
import { rssMiB } from './overhead/processes.ts'

const RATE = Number(process.env.BENCH_RATE ?? 10_000)
const AGENTS = (process.env.BENCH_AGENTS ?? '10,100,1000').split(',').map(Number)
const MEASURE_MS = Number(process.env.BENCH_SECONDS ?? 30) * 1000
/** Until the gateway remembers as much as it ever will at this rate. */
const WARM_MS = MEASURE_MS
/** Of the gateway, such as `--cpu-prof --cpu-prof-dir=/tmp/profile`. */
const NODE_OPTIONS = process.env.BENCH_NODE_OPTIONS?.split(' ') ?? []
const WANTED = new RegExp(process.env.BENCH_WAYS ?? '')
/** An agent's: its receiver keeps a row for up to 200 ms, its exporter's batch for 200 more. */
const EVERY_MS = 400
const TICKS_A_SECOND = 100
const MAIN = join(import.meta.dirname, '../main.ts')

interface Way {
  readonly name: string
  readonly agents: number
  readonly asked?: 'inside' | 'outside'
  readonly acknowledge?: 'taken' | 'handed_on'
  /** Of stitch, with `window_total: 15s`. */
  readonly window?: string
  readonly k8s?: boolean
  /** How often an agent sends. */
  readonly everyMs?: number
  /** The Collector in place of flowspan, with this environment. */
  readonly collector?: Readonly<Record<string, string>>
}

interface Ports {
  readonly rows: number
  readonly sink: number
}

interface Measured {
  readonly cores: number
  /** Of who sends and who takes, on the same machine. */
  readonly loadCores: number
  readonly sinkCores: number
  readonly megabytes: number
  readonly sent: Sent
  readonly arrived: Arrived
}

function gatewayConfig(way: Way, { rows, sink }: Ports, kubernetes: Kubernetes | undefined) {
  const k8s = way.k8s && {
    k8s_attributes: {
      auth_type: 'kubeConfig',
      kube_config_path: kubernetes?.flowspan.kubeconfigPath,
      connections_max: 1_000_000,
      wait_for_metadata: true,
    },
  }
  const windows = way.window && { window: way.window, window_total: '15s' }
  const stitch = { wait: 'always', acknowledge: way.acknowledge ?? 'handed_on', ...windows }
  const processors = { stitch, ...k8s }
  const insecure = { tls: { insecure: true } }
  // Requests of many agents go on as one, and each agent hears of it. Backends take 4 MiB.
  const batch = { flush_timeout: '200ms', sizer: 'bytes', min_size: 1e6, max_size: 4e6 }
  const sending_queue = { wait_for_result: true, batch }
  const queue = way.acknowledge === 'taken' ? {} : { sending_queue }
  const exporter = { endpoint: `127.0.0.1:${sink}`, ...insecure, ...queue }
  return {
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${rows}` } } } },
    processors,
    connectors: { flow_spans: {} },
    exporters: { otlp: exporter },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        flows: {
          receivers: ['otlp'],
          processors: Object.keys(processors),
          exporters: ['flow_spans'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['otlp'] },
      },
    },
  }
}

function collectorConfig({ rows, sink }: Ports): object {
  return {
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${rows}` } } } },
    exporters: {
      otlp: {
        endpoint: `127.0.0.1:${sink}`,
        tls: { insecure: true },
        sending_queue: { enabled: false },
      },
    },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { logs: { receivers: ['otlp'], exporters: ['otlp'] } },
    },
  }
}

async function startGateway(way: Way, ports: Ports, kubernetes?: Kubernetes): Promise<Program> {
  const directory = temporaryDirectory('gateway')
  const file = join(directory, 'config.yaml')
  const { collector } = way
  const config = collector ? collectorConfig(ports) : gatewayConfig(way, ports, kubernetes)
  writeFileSync(file, stringify(config))
  const program = collector
    ? new Program([await ensureBackend('otelcol'), '--config', file], { env: collector })
    : new Program([process.execPath, ...NODE_OPTIONS, MAIN, 'run', '--config', file])
  await program.line(/Everything is ready/)
  removeDirectory(directory)
  return program
}

function child(file: string, args: readonly (string | number)[]): ChildProcess {
  return fork(join(import.meta.dirname, file), args.map(String))
}

async function ask<T>(process: ChildProcess, order: object = { what: 'tell' }): Promise<T> {
  process.send(order)
  const [answer] = await once(process, 'message')
  return answer as T
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/** Gives how many cores the process has taken from now to when it is asked. */
function coresSince(pid: number): () => number {
  const [startMs, before] = [performance.now(), cpuSeconds(pid)]
  return () => ((cpuSeconds(pid) - before) * 1000) / (performance.now() - startMs)
}

const loads = new Map<string, ChildProcess>()

/** Requests take longer to make than to send, so those of other ways are sent again. */
async function loadOf({
  agents,
  asked = 'inside',
  everyMs = EVERY_MS,
}: Way): Promise<ChildProcess> {
  const key = `${agents} ${asked} ${everyMs}`
  const known = loads.get(key)
  if (known !== undefined) return known
  const seconds = (WARM_MS + MEASURE_MS) / 1000 + 1
  const load = child('gateway_load.ts', [agents, RATE, seconds, asked, everyMs])
  loads.set(key, load)
  await once(load, 'message')
  return load
}

async function measure(way: Way, kubernetes?: Kubernetes): Promise<Measured> {
  const load = await loadOf(way)
  const [rows, sinkPort] = (await freePorts(2)) as [number, number]
  const sink = child('gateway_sink.ts', [`127.0.0.1:${sinkPort}`])
  await once(sink, 'message')
  const gateway = await startGateway(way, { rows, sink: sinkPort }, kubernetes)
  const laterMs = await ask<number>(load, { what: 'start', endpoint: `127.0.0.1:${rows}` })
  try {
    await sleep(WARM_MS)
    await Promise.all([ask(load), ask(sink, { laterMs })])
    const cores = [gateway.pid, load.pid as number, sink.pid as number].map(coresSince)
    await sleep(MEASURE_MS)
    const [own, loadCores, sinkCores] = cores.map((of) => of()) as [number, number, number]
    const megabytes = rssMiB(gateway.pid)
    const [sent, arrived] = await Promise.all([ask<Sent>(load), ask<Arrived>(sink)])
    return { cores: own, loadCores, sinkCores, megabytes, sent, arrived }
  } finally {
    load.send({ what: 'stop' })
    await gateway.stop()
    sink.disconnect()
  }
}

async function createCluster(kubernetes: Kubernetes, hosts: number): Promise<void> {
  const namespace = 'bench'
  await createNamespace(kubernetes, { name: namespace })
  const services = ['front', 'orders', 'stock', 'prices', 'ledger', 'cache']
  for (const [i, name] of services.entries()) {
    const clusterIPs = [`10.96.0.${20 + i}`]
    await createService(kubernetes, { name, namespace, clusterIPs, ports: [{ port: 80 }] })
  }
  for (let host = 0; host < hosts; host++) {
    await createNode(kubernetes, { name: `node-${host}` })
    const pods = services.map((name, service) => {
      const [high, low] = podAddress(host, service)
      return createPod(kubernetes, {
        name: `${name}-${host}`,
        namespace,
        labels: { app: name },
        nodeName: `node-${host}`,
        podIPs: [`10.200.${high}.${low}`],
      })
    })
    await Promise.all(pods)
  }
}

function line(way: Way, measured: Measured): string {
  const { cores, loadCores, sinkCores, megabytes, sent, arrived } = measured
  const seconds = MEASURE_MS / 1000
  const rate = sent.exchanges / seconds
  const cells = [
    way.name,
    way.agents,
    Math.round(rate),
    Math.round(sent.rows / seconds),
    Math.round(sent.requests / seconds),
    Math.round(arrived.items / seconds),
    cores.toFixed(2),
    ((cores / rate) * 10_000).toFixed(2),
    Math.round(megabytes),
    way.collector ? '' : `${arrived.p50} / ${arrived.p99}`,
    sent.failed,
    Math.round(sent.lateMs),
    `${loadCores.toFixed(2)} + ${sinkCores.toFixed(2)}`,
  ]
  return `| ${cells.join(' | ')} |`
}

const WAYS: readonly Way[] = [
  ...AGENTS.map((agents): Way => ({ name: 'gateway', agents, k8s: true })),
  ...AGENTS.map((agents): Way => ({ name: 'gateway without k8s_attributes', agents })),
  { name: 'sent every second', agents: 1000, everyMs: 1000, k8s: true },
  { name: '`acknowledge: taken`', agents: 100, acknowledge: 'taken', k8s: true },
  { name: 'asked from outside', agents: 100, asked: 'outside', k8s: true },
  { name: '… `window: 1s`', agents: 100, asked: 'outside', window: '1s', k8s: true },
  ...AGENTS.map((agents): Way => ({ name: 'Collector, passing on', agents, collector: {} })),
  { name: 'Collector, GOGC=400', agents: 100, collector: { GOGC: '400' } },
]

console.log(describeMachine())
console.log(`${RATE} exchanges/s, ${MEASURE_MS / 1000} s after ${WARM_MS / 1000} s\n`)
const heads = [
  ...['', 'agents', 'exchanges/s', 'rows/s', 'requests/s', 'items/s out', 'cores'],
  ...['cores for 10,000/s', 'MB', 'ms to the span, p50 / p99', 'failed', 'sent late, ms'],
  'cores of load + backend',
]
console.log(`| ${heads.join(' | ')} |`)
console.log(`|${'---|'.repeat(heads.length)}`)
const kubernetes = await startKubernetes()
try {
  await createCluster(kubernetes, Math.min(HOSTS_MAX, Math.max(...AGENTS)))
  for (const way of WAYS.filter(({ name }) => WANTED.test(name)))
    console.log(line(way, await measure(way, kubernetes)))
} finally {
  for (const load of loads.values()) load.disconnect()
  await kubernetes.stop()
}
