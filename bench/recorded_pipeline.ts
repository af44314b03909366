/**
 * The pipeline process as users run it, fed with records as the kernel writes them, at a rate.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { decodePlanned } from '../cli/load.ts'
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
import { Recorded } from './recorded.ts'

const TICK_MS = 10

/** The whole, spans to the exporter `spans`, given as YAML: `nop: {}`. */
export function configTo(spans: string, { payload = true } = {}): string {
  return `
receivers: { ebpf: { requests: { enabled: ${payload} } } }
processors: { k8s_attributes: { auth_type: none }, stitch: {} }
connectors: { flow_spans: {}, flow_metrics: {} }
exporters: { nop/metrics: {}, ${spans} }
service:
  telemetry: { logs: { level: warn }, metrics: { level: none } }
  pipelines:
    flows:
      receivers: [ebpf]
      processors: [k8s_attributes, stitch]
      exporters: [flow_spans, flow_metrics]
    traces: { receivers: [flow_spans], exporters: [${spans.slice(0, spans.indexOf(':'))}] }
    metrics: { receivers: [flow_metrics], exporters: [nop/metrics] }
`
}

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

/** To all at once; gives how many each was sent. */
export async function send(
  pipelines: readonly Pipeline[],
  of: Load & { seconds: number },
): Promise<number> {
  const all = pipelines.map(({ recorded }) => recorded)
  const from = performance.now()
  let sent = 0
  for (let ms = 0; ms < of.seconds * 1000; ms = performance.now() - from) {
    const due = (ms / 1000) * of.perSecond
    for (; sent < due && !all.some(({ crowded }) => crowded); sent++) {
      for (const recorded of all) recorded.exchange(of.payload)
    }
    await delay(TICK_MS)
  }
  return sent
}

/**
 * Milliseconds of CPU a second, by thread of each, while the load lasts; of a load that could not
 * be sent as fast as it should, what it would have been.
 */
export async function measure(
  pipelines: readonly Pipeline[],
  load: Load & { seconds: number },
): Promise<ReadonlyMap<string, number>[]> {
  const before = pipelines.map(({ pid }) => threads(pid))
  const from = performance.now()
  const sent = await send(pipelines, load)
  const seconds = load.perSecond === 0 ? (performance.now() - from) / 1000 : sent / load.perSecond
  return pipelines.map(({ pid }, i) => {
    const byThread = new Map<string, number>()
    for (const [tid, { name, ns }] of threads(pid)) {
      const millicores = (ns - (before[i]?.get(tid)?.ns ?? 0)) / 1e6 / seconds
      byThread.set(name, (byThread.get(name) ?? 0) + millicores)
    }
    return byThread
  })
}

export interface Load {
  readonly perSecond: number
  readonly payload: boolean
}

export interface PipelineOptions {
  readonly main: string
  readonly nodeOptions: readonly string[]
  /** The whole, with no backend, by default: with requests or with connections alone. */
  readonly config?: string
  readonly payload?: boolean
  /** Where to write a CPU profile. */
  readonly profile?: string | undefined
}

export class Pipeline {
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

  /** @param main the program: of this tree, or of another for a comparison */
  static async start({
    main,
    nodeOptions,
    profile,
    payload = true,
    config: yaml = configTo('nop: {}', { payload }),
  }: PipelineOptions): Promise<Pipeline> {
    const directory = temporaryDirectory('recorded')
    const path = join(directory, 'config.yaml')
    writeFileSync(path, yaml)
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
        ...nodeOptions,
        ...profiling(profile),
        main,
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
    await waitFor('the pipeline process', () => pipeline.recorded.empty, {})
    return pipeline
  }

  async end(): Promise<void> {
    this.#stop.request('SIGTERM')
    await this.#ended
    this.recorded.close()
    removeDirectory(this.#directory)
  }
}

function profiling(directory: string | undefined): readonly string[] {
  if (directory === undefined) return []
  mkdirSync(directory, { recursive: true })
  // The process that writes it is nobody by then.
  chmodSync(directory, 0o777)
  return ['--cpu-prof', '--cpu-prof-interval', '500', `--cpu-prof-dir=${directory}`]
}
