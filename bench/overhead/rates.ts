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
import { startWrk, Web } from '../web.ts'
import { cpuNs, rssMiB } from './processes.ts'
import { RateSource } from './rate_source.ts'

/** What V8's workers compile in the first minute is no cost of a running process. */
const WARM_PER_SECOND = 8000
/**
 * By then stitch has forgotten what the warm-up, which is hotter, gave it (its `retention`), and
 * the keeper has given back what only its start needed.
 */
const FORGET_MS = 33_000
const SETTLE_MS = 3000

export type Captured = 'connections' | 'requests' | 'all'

/** The CPU is a host side's, for 1,000 requests/s, in millicores. */
export interface Cost {
  readonly name: string
  readonly perSecond: number
  readonly kernel: number
  readonly pipeline: number
  readonly keeper: number
  readonly sum: number
  /** At both ends together, of the kernel programs. */
  readonly nsPerRequest: number
  readonly nsPerConnection: number
  readonly rssMiB: readonly [keeper: number, pipeline: number]
  readonly p50Us: number
  readonly p99Us: number
}

/** `perSecond` 0: as many as there can be. */
export async function costOf(
  captured: Captured,
  { perSecond, seconds, warmMs }: { perSecond: number; seconds: number; warmMs: number },
): Promise<Cost> {
  const web = await Web.start()
  const flowspan = await Flowspan.start(() => configOf(captured))
  const source = new RateSource()
  const wrk = perSecond === 0 ? startWrk(web.port, 3600) : undefined
  try {
    if (wrk === undefined) {
      await source.begin({ port: web.port, perSecond: WARM_PER_SECOND })
      await delay(warmMs)
      await source.begin({ port: web.port, perSecond })
      await delay(FORGET_MS)
    }
    await delay(SETTLE_MS)
    await source.take()
    const before = readingOf(flowspan, await web.requests())
    await delay(seconds * 1000)
    const { p50Us, p99Us, connections } = await source.take()
    const after = readingOf(flowspan, await web.requests())
    const requests = after.requests - before.requests
    const side = (ns: number) => (ns / 1e6 / 2) * (1000 / requests)
    const kernel = side(after.kernelNs - before.kernelNs)
    const pipeline = side(after.pipelineNs - before.pipelineNs)
    const keeper = side(after.keeperNs - before.keeperNs)
    const seen = (after.ms - before.ms) / 1000
    return {
      name: captured,
      perSecond: requests / seen,
      ...{ kernel, pipeline, keeper, sum: kernel + pipeline + keeper },
      nsPerRequest: (after.kernelNs - before.kernelNs) / requests,
      nsPerConnection: (after.kernelNs - before.kernelNs) / connections,
      rssMiB: [rssMiB(flowspan.pid), rssMiB(flowspan.childPid)],
      ...{ p50Us, p99Us },
    }
  } finally {
    wrk?.kill('SIGTERM')
    source.stop()
    await flowspan.kill()
    flowspan.clean()
    await web.stop()
  }
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
