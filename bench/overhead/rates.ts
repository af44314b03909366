/**
 * What flowspan takes of a host at a rate of requests: the kernel programs' time, as the kernel
 * measures it (bpf_stats), and the CPU of both processes, as users run them.
 *
 * Both ends of every connection are on this host, so it pays twice what a client's or a server's
 * host pays: "a host side" is half.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Flowspan } from '../../test/kit/flowspan.ts'
import { median } from '../statistics.ts'
import { startWrk, Web } from '../web.ts'
import { cpuNs, rssMiB } from './processes.ts'
import { RateSource } from './rate_source.ts'

const WARM_PER_SECOND = 8000

export type Captured = 'connections' | 'requests' | 'all'

/** The CPU is a host side's, for 1,000 requests/s, in millicores: the medians of the windows. */
export interface Cost {
  readonly name: string
  readonly perSecond: number
  readonly kernel: number
  readonly pipeline: number
  readonly keeper: number
  readonly sum: number
  /** The windows with the least and the largest sum. */
  readonly sums: readonly [least: number, most: number]
  /** At both ends together, of the kernel programs. */
  readonly nsPerRequest: number
  readonly nsPerConnection: number
  readonly rssMiB: readonly [keeper: number, pipeline: number]
  readonly p50Us: number
  readonly p99Us: number
}

export interface RateOptions {
  /** 0: as many as there can be. */
  readonly perSecond: number
  /** Of a window. */
  readonly seconds: number
  readonly windows: number
  readonly warmMs: number
  /**
   * At the rate, until V8 compiles hardly anything any more, which is no cost of a process that
   * runs for days; stitch has forgotten what the warm-up, which is hotter, gave it (its
   * `retention`, half a minute), and the keeper has given back what only its start needed.
   */
  readonly settleMs: number
}

export async function costOf(captured: Captured, options: RateOptions): Promise<Cost> {
  const { perSecond, seconds, windows, warmMs, settleMs } = options
  const web = await Web.start()
  const flowspan = await Flowspan.start(() => configOf(captured))
  const source = new RateSource()
  const wrk = perSecond === 0 ? startWrk(web.port, 3600) : undefined
  try {
    if (wrk === undefined) await source.begin({ port: web.port, perSecond: WARM_PER_SECOND })
    await delay(warmMs)
    if (wrk === undefined) {
      await source.begin({ port: web.port, perSecond })
      await delay(settleMs)
    }
    await source.take()
    const found: Window[] = []
    for (let i = 0; i < windows; i++) found.push(await windowOf({ web, flowspan, source }, seconds))
    return {
      name: captured,
      ...mediansOf(found),
      sums: [Math.min(...found.map(({ sum }) => sum)), Math.max(...found.map(({ sum }) => sum))],
      rssMiB: [rssMiB(flowspan.pid), rssMiB(flowspan.childPid)],
    }
  } finally {
    wrk?.kill('SIGTERM')
    source.stop()
    await flowspan.kill()
    flowspan.clean()
    await web.stop()
  }
}

type Window = Omit<Cost, 'name' | 'sums' | 'rssMiB'>

interface Running {
  readonly web: Web
  readonly flowspan: Flowspan
  readonly source: RateSource
}

async function windowOf({ web, flowspan, source }: Running, seconds: number): Promise<Window> {
  const before = readingOf(flowspan, await web.requests())
  await delay(seconds * 1000)
  const { p50Us, p99Us, connections } = await source.take()
  const after = readingOf(flowspan, await web.requests())
  const requests = after.requests - before.requests
  const side = (ns: number) => (ns / 1e6 / 2) * (1000 / requests)
  const kernel = side(after.kernelNs - before.kernelNs)
  const pipeline = side(after.pipelineNs - before.pipelineNs)
  const keeper = side(after.keeperNs - before.keeperNs)
  return {
    perSecond: requests / ((after.ms - before.ms) / 1000),
    ...{ kernel, pipeline, keeper, sum: kernel + pipeline + keeper },
    nsPerRequest: (after.kernelNs - before.kernelNs) / requests,
    nsPerConnection: (after.kernelNs - before.kernelNs) / connections,
    ...{ p50Us, p99Us },
  }
}

function mediansOf(windows: readonly Window[]): Window {
  const of = (figure: keyof Window) => median(windows.map((each) => each[figure]))
  const names = Object.keys(windows[0] as Window) as (keyof Window)[]
  return Object.fromEntries(names.map((name) => [name, of(name)])) as unknown as Window
}

function readingOf(flowspan: Flowspan, requests: number) {
  return {
    ms: performance.now(),
    requests,
    kernelNs: programsNs(flowspan.pid),
    pipelineNs: cpuNs([flowspan.childPid]),
    keeperNs: cpuNs([flowspan.pid]),
  }
}

/** Of all programs that a process holds: the kernel tells it of their file descriptors. */
export function programsNs(pid: number): number {
  const byProgram = new Map<string, number>()
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const text = infoOf(`/proc/${pid}/fdinfo/${fd}`)
    const id = /^prog_id:\s*(\d+)/m.exec(text)?.[1]
    const ns = /^run_time_ns:\s*(\d+)/m.exec(text)?.[1]
    if (id !== undefined && ns !== undefined) byProgram.set(id, Number(ns))
  }
  return [...byProgram.values()].reduce((sum, ns) => sum + ns, 0)
}

function infoOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function configOf(captured: Captured) {
  const ebpf = {
    requests: { enabled: captured !== 'connections' },
    udp: { enabled: captured === 'all' },
  }
  return {
    receivers: { ebpf },
    processors: { k8s_attributes: { auth_type: 'none' }, stitch: {} },
    connectors: { flow_spans: {}, flow_metrics: {} },
    exporters: { nop: {} },
    service: {
      pipelines: {
        flows: {
          receivers: ['ebpf'],
          processors: ['k8s_attributes', 'stitch'],
          exporters: ['flow_spans', 'flow_metrics'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['nop'] },
        metrics: { receivers: ['flow_metrics'], exporters: ['nop'] },
      },
    },
  }
}
