/**
 * What watching for episodes costs: two of flowspan at the same time under the same requests, one
 * that watches and one that does not. Kernel time by bpf_stats, of which measuring is some 50 ns a
 * run. Both ends of every connection are on this host: "a host side" is half.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Flowspan } from '../test/kit/flowspan.ts'
import { describeMachine } from './machine.ts'
import { cpuNs, withBpfStats } from './overhead/processes.ts'
import { RateSource } from './overhead/rate_source.ts'
import { programsNs } from './overhead/rates.ts'
import { Web } from './web.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 20)
const RATES = [0, 1000, 10_000]
const WARM = { perSecond: 8000, ms: 5000 } as const
const SETTLE_MS = 2000

interface Reading {
  readonly kernel: number
  readonly pipeline: number
}

function read(flowspan: Flowspan): Reading {
  return { kernel: programsNs(flowspan.pid), pipeline: cpuNs([flowspan.childPid]) }
}

function start(enabled: boolean): Promise<Flowspan> {
  return Flowspan.start(() => ({
    receivers: { ebpf: { episodes: { enabled } } },
    processors: { stitch: {} },
    exporters: { nop: {} },
    service: {
      pipelines: { flows: { receivers: ['ebpf'], processors: ['stitch'], exporters: ['nop'] } },
    },
  }))
}

async function measure(pair: readonly Flowspan[], web: Web, source: RateSource, perSecond: number) {
  if (perSecond > 0) await source.begin({ port: web.port, perSecond })
  await delay(SETTLE_MS)
  const [before, requests, ms] = [pair.map(read), await web.requests(), performance.now()]
  await delay(SECONDS * 1000)
  const [after, seen] = [pair.map(read), (await web.requests()) - requests]
  const seconds = (performance.now() - ms) / 1000
  for (const [i, name] of ['off', 'on'].entries()) {
    const [from, to] = [before[i] as Reading, after[i] as Reading]
    const millicores = (key: keyof Reading) => (to[key] - from[key]) / 1e6 / seconds / 2
    const each = [millicores('kernel'), millicores('pipeline')].map((value) => value.toFixed(2))
    const ns = perSecond > 0 ? Math.round((to.kernel - from.kernel) / seen) : '–'
    console.log(`| ${Math.round(seen / seconds)} | ${name} | ${each.join(' | ')} | ${ns} |`)
  }
}

await withBpfStats(async () => {
  console.log(`# Episodes\n\n${describeMachine()}\n`)
  console.log(
    '| requests/s | episodes | kernel mc | pipeline mc | kernel ns a request, both ends |',
  )
  console.log('|---|---|---|---|---|')
  const web = await Web.start()
  const pair = [await start(false), await start(true)]
  const source = new RateSource()
  try {
    await source.begin({ port: web.port, perSecond: WARM.perSecond })
    await delay(WARM.ms)
    await source.begin({ port: web.port, perSecond: 1 })
    for (const perSecond of RATES) await measure(pair, web, source, perSecond)
  } finally {
    source.stop()
    for (const flowspan of pair) {
      await flowspan.kill()
      flowspan.clean()
    }
    await web.stop()
  }
})
