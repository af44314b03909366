/**
 * flowspan as users run it, its kernel programs in the bench's hands: attached and detached in
 * short turns, group by group.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
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
import { cgroupRoot } from '../receivers/ebpf/cgroup.ts'
import type { EbpfConfig } from '../receivers/ebpf/config.ts'
import { kernelConfig } from '../receivers/ebpf/index.ts'
import { keepKernel, type Loaded, loadKernel } from '../receivers/ebpf/keeper.ts'
import type { ProgramStats } from '../receivers/ebpf/libbpf.ts'
import { KERNEL_SIGNALS, type SignalGroup } from '../receivers/ebpf/signals.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../test/kit/processes.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const SIGNAL_GROUPS = ['connections', 'payload', 'drops', 'udp', 'dns'] as const

export interface TracedOptions {
  /** Whether payload is captured, or connections alone. */
  readonly requests: boolean
  /** The rest of the pipeline behind the eBPF receiver: `exporters` and their options as YAML. */
  readonly exporters: string
  /** Whether delay, jitter and loss are watched for. */
  readonly episodes?: boolean
}

export class Traced {
  readonly #loaded: Loaded
  readonly #stop: Stop
  readonly #ended: Promise<number>
  readonly #directory: string
  readonly #close: () => void
  #pid = 0

  private constructor(
    loaded: Loaded,
    rest: {
      directory: string
      close: () => void
      start: (stop: Stop, t: Traced) => Keeper
    },
  ) {
    this.#loaded = loaded
    this.#directory = rest.directory
    this.#close = rest.close
    this.#stop = new Stop()
    this.#ended = rest.start(this.#stop, this).run()
  }

  static async start(options: TracedOptions): Promise<Traced> {
    const directory = temporaryDirectory('bench')
    const path = join(directory, 'config.yaml')
    writeFileSync(path, yaml(options))
    const resolved = await resolveConfig({ uris: [path] }, process.env)
    const config = decodePlanned(resolved, { factories: new Factories(COMPONENTS) })
    const of = needPrivileges(config)[0]
    if (of === undefined) throw new Error('The bench needs the eBPF receiver')
    const kernel = kernelConfig(of.config as EbpfConfig)
    const loaded = loadKernel(kernel)
    const inner = keepKernel(loaded, kernel, { logger: pino({ enabled: false }) })
    const traced = new Traced(loaded, {
      directory,
      close: inner.close,
      start: (stop, self) =>
        new Keeper({
          opened: new Opened([
            {
              of,
              privileged: {
                ...inner,
                childStarted(pid) {
                  self.#pid = pid
                  inner.childStarted?.(pid)
                },
              },
            },
          ]),
          resolved,
          command: [
            process.execPath,
            ...PIPELINE_NODE_OPTIONS,
            ...process.execArgv,
            MAIN,
            'run',
            '--config',
            path,
          ],
          user: NOBODY,
          stop,
          shutdownTimeoutMs: 10_000,
          logger: createLogger({ level: 'warn', encoding: 'console' }),
          reload: async () => ({ ok: false, reason: 'not in a bench' }),
        }),
    })
    await waitFor('the pipeline process', () => traced.#isNobody(), {})
    return traced
  }

  /**
   * The programs of these groups, or of all. Those attached by `loadKernel` are left alone: call
   * `detach` first to take turns.
   */
  attach(groups: readonly SignalGroup[] = SIGNAL_GROUPS): void {
    const signals = KERNEL_SIGNALS.filter(({ group }) => groups.includes(group))
    const ways = this.#loaded.ways.filter((way) => signals.some((each) => each.ways.includes(way)))
    const { object } = this.#loaded
    for (const program of new Set(ways.flatMap((way) => way.programs))) object.attach(program)
    const root = cgroupRoot() as string
    for (const program of new Set(ways.flatMap((way) => way.cgroup ?? []))) {
      object.attachCgroup(program, root)
    }
  }

  detach(): void {
    this.#loaded.object.detach()
  }

  /** What all programs have run so far, while kernel.bpf_stats_enabled is 1. */
  stats(): ProgramStats {
    const { tracing, cgroup } = this.statsByHook()
    return {
      runs: tracing.runs + cgroup.runs,
      runNs: tracing.runNs + cgroup.runNs,
      recursionMisses: tracing.recursionMisses + cgroup.recursionMisses,
    }
  }

  /** The same, of those on tracepoints and those on the cgroup tree. */
  statsByHook(): { readonly tracing: ProgramStats; readonly cgroup: ProgramStats } {
    const { ways } = this.#loaded
    return {
      tracing: this.#sum(ways.flatMap((way) => way.programs)),
      cgroup: this.#sum(ways.flatMap((way) => way.cgroup ?? [])),
    }
  }

  #sum(programs: readonly string[]): ProgramStats {
    const sum = { runs: 0, runNs: 0, recursionMisses: 0 }
    for (const program of new Set(programs)) {
      const { runs, runNs, recursionMisses } = this.#loaded.object.stats(program)
      sum.runs += runs
      sum.runNs += runNs
      sum.recursionMisses += recursionMisses
    }
    return sum
  }

  /** The pipeline process. */
  get pid(): number {
    return this.#pid
  }

  async end(): Promise<void> {
    this.#stop.request('SIGTERM')
    await this.#ended
    this.#close()
    removeDirectory(this.#directory)
  }

  #isNobody(): boolean {
    if (this.#pid === 0) return false
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8')
    return /^Uid:\s+65534/m.test(status)
  }
}

function yaml({ requests, exporters, episodes = false }: TracedOptions): string {
  return `
receivers: { ebpf: { requests: { enabled: ${requests} }, episodes: { enabled: ${episodes} } } }
processors: { k8s_attributes: { auth_type: none }, stitch: {} }
connectors: { flow_spans: {}, flow_metrics: {} }
exporters: ${exporters}
service:
  telemetry: { logs: { level: warn }, metrics: { level: none } }
  pipelines:
    flows:
      receivers: [ebpf]
      processors: [k8s_attributes, stitch]
      exporters: [flow_spans, flow_metrics]
    traces: { receivers: [flow_spans], exporters: [${exporterIds(exporters)}] }
    metrics: { receivers: [flow_metrics], exporters: [${exporterIds(exporters)}] }
`
}

function exporterIds(exporters: string): string {
  return exporters.replace(/^\{\s*/, '').split(':')[0] as string
}
