/**
 * What the pipeline process costs at a steady rate, without the kernel: records as the kernel
 * writes them, paced, through the process as users run it, both ends of each exchange.
 *
 * A loop over the hot path (the benches http1, stitch) shows a tenth of this: at 1,000 requests a
 * second the process sleeps most of the time, and wakes with cold caches, few rows a batch, and
 * functions that are not compiled yet. BENCH_PROFILE=directory writes a CPU profile of it.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { decodePlanned } from '../cli/load.ts'
import { PIPELINE_NODE_OPTIONS } from '../cli/run.ts'
import { COMPONENTS } from '../components.ts'
import { Factories } from '../pipeline/config/factories.ts'
import { resolveConfig } from '../pipeline/config/resolve.ts'
import { Keeper } from '../pipeline/keeper/keeper.ts'
import { needPrivileges, Opened } from '../pipeline/keeper/opened.ts'
import { NOBODY } from '../pipeline/keeper/privileges.ts'
import { createLogger } from '../pipeline/logging.ts'
import { Stop } from '../pipeline/stop.ts'
import type { KernelInfo } from '../receivers/ebpf/capabilities.ts'
import type { EbpfConfig } from '../receivers/ebpf/config.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../test/kit/processes.ts'
import { describeMachine } from './machine.ts'
import { Recorded } from './recorded.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const TICK_MS = 10
const WARM_SECONDS = Number(process.env.BENCH_WARM ?? 5)
/** The warm-up is hotter than the load, for compilers count calls: a minute's worth in seconds. */
const WARM_FACTOR = Number(process.env.BENCH_WARM_FACTOR ?? 10)
const SETTLE_SECONDS = 1
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
const PROFILE = process.env.BENCH_PROFILE

const CONFIG = `
receivers: { ebpf: {} }
processors: { k8s_attributes: { auth_type: none }, stitch: {} }
connectors: { flow_spans: {}, flow_metrics: {} }
exporters: { nop: {} }
service:
  telemetry: { logs: { level: warn }, metrics: { level: none } }
  pipelines:
    flows:
      receivers: [ebpf]
      processors: [k8s_attributes, stitch]
      exporters: [flow_spans, flow_metrics]
    traces: { receivers: [flow_spans], exporters: [nop] }
    metrics: { receivers: [flow_metrics], exporters: [nop] }
`

/** Nanoseconds that each thread of a process has run, by thread id, with its name. */
function threads(pid: number): Map<string, { name: string; ns: number }> {
  const directory = `/proc/${pid}/task`
  return new Map(
    readdirSync(directory).map((tid) => {
      const name = readFileSync(`${directory}/${tid}/comm`, 'utf8').trim()
      const ns = Number(readFileSync(`${directory}/${tid}/schedstat`, 'utf8').split(' ')[0])
      return [tid, { name: Number(tid) === pid ? 'main' : name, ns }]
    }),
  )
}

async function send(recorded: Recorded, of: Load & { seconds: number }): Promise<number> {
  const from = performance.now()
  let sent = 0
  for (let ms = 0; ms < of.seconds * 1000; ms = performance.now() - from) {
    const due = (ms / 1000) * of.perSecond
    for (; sent < due; sent++) recorded.exchange(of.payload)
    await delay(TICK_MS)
  }
  return sent
}

interface Load {
  readonly perSecond: number
  readonly payload: boolean
}

class Pipeline {
  readonly recorded: Recorded
  readonly #directory: string
  readonly #stop = new Stop()
  #ended: Promise<number> = Promise.resolve(0)
  pid = 0

  private constructor(directory: string, config: EbpfConfig) {
    this.#directory = directory
    this.recorded = new Recorded(directory, {
      connBytes: config.conn_ring_bytes,
      payloadBytes: config.payload_ring_bytes,
    })
  }

  static async start(): Promise<Pipeline> {
    const directory = temporaryDirectory('recorded')
    const path = join(directory, 'config.yaml')
    writeFileSync(path, CONFIG)
    const resolved = await resolveConfig({ uris: [path] }, process.env)
    const config = decodePlanned(resolved, { factories: new Factories(COMPONENTS) })
    const of = needPrivileges(config)[0]
    if (of === undefined) throw new Error('The bench needs the eBPF receiver')
    const ebpf = of.config as EbpfConfig
    const pipeline = new Pipeline(directory, ebpf)
    const info: KernelInfo = {
      connRingBytes: ebpf.conn_ring_bytes,
      payloadRingBytes: ebpf.payload_ring_bytes,
      capabilities: [],
      dropReasons: [],
    }
    const childStarted = (pid: number) => {
      pipeline.pid = pid
    }
    const privileged = { fds: pipeline.recorded.fds, info, childStarted, close() {} }
    pipeline.#ended = new Keeper({
      opened: new Opened([{ of, privileged }]),
      resolved,
      command: [
        process.execPath,
        ...PIPELINE_NODE_OPTIONS,
        ...process.execArgv,
        ...profiling(),
        MAIN,
        'run',
        '--config',
        path,
      ],
      user: NOBODY,
      stop: pipeline.#stop,
      shutdownTimeoutMs: 10_000,
      logger: createLogger({ level: 'warn', encoding: 'console' }),
      reload: async () => ({ ok: false, reason: 'not in a bench' }),
    }).run()
    pipeline.recorded.exchange(false)
    await waitFor('the pipeline process', () => pipeline.recorded.empty || undefined, {})
    return pipeline
  }

  /** Milliseconds of CPU a second, by thread, while the load lasts. */
  async measure(load: Load): Promise<{ total: number; byThread: Map<string, number> }> {
    const before = threads(this.pid)
    const from = performance.now()
    await send(this.recorded, { ...load, seconds: SECONDS })
    const seconds = (performance.now() - from) / 1000
    const byThread = new Map<string, number>()
    let total = 0
    for (const [tid, { name, ns }] of threads(this.pid)) {
      const millicores = (ns - (before.get(tid)?.ns ?? 0)) / 1e6 / seconds
      total += millicores
      byThread.set(name, (byThread.get(name) ?? 0) + millicores)
    }
    return { total, byThread }
  }

  rssMiB(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Math.round(Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) / 1024)
  }

  async end(): Promise<void> {
    this.#stop.request('SIGTERM')
    await this.#ended
    this.recorded.close()
    removeDirectory(this.#directory)
  }
}

function profiling(): readonly string[] {
  if (PROFILE === undefined) return []
  mkdirSync(PROFILE, { recursive: true })
  // The process that writes it is nobody by then.
  chmodSync(PROFILE, 0o777)
  return ['--cpu-prof', '--cpu-prof-interval', '200', `--cpu-prof-dir=${PROFILE}`]
}

async function bench(name: string, load: Load): Promise<void> {
  const pipeline = await Pipeline.start()
  const perSecond = load.perSecond * WARM_FACTOR
  await send(pipeline.recorded, { ...load, perSecond, seconds: WARM_SECONDS })
  await send(pipeline.recorded, { ...load, seconds: SETTLE_SECONDS })
  for (let round = 0; round < ROUNDS; round++) {
    const { total, byThread } = await pipeline.measure(load)
    const parts = [...byThread].filter(([, millicores]) => millicores >= 0.05)
    const text = parts.map(([thread, millicores]) => `${thread} ${millicores.toFixed(2)}`)
    const side = (total / 2).toFixed(2)
    console.log(
      `| ${name} | ${total.toFixed(2)} | ${side} | ${pipeline.rssMiB()} | ${text.join(', ')} |`,
    )
  }
  await pipeline.end()
}

console.log(`${describeMachine()}\n`)
console.log('| load | process mc | a host side | RSS MiB | by thread |\n|---|---|---|---|---|')
const only = process.argv[2]
const LOADS: readonly (readonly [string, Load])[] = [
  ['1,000 requests/s', { perSecond: 1000, payload: true }],
  ['10,000 requests/s', { perSecond: 10_000, payload: true }],
  ['connections alone', { perSecond: 1000, payload: false }],
  ['nothing', { perSecond: 0, payload: false }],
]
for (const [name, load] of LOADS) {
  if (only === undefined || name.startsWith(only)) await bench(name, load)
}
