/**
 * What flowspan costs a host: `npm run bench -- overhead`, or this file with `--quick` (3 minutes,
 * wide bounds) and the names of parts: throughput, rates, sidecars. The whole takes about 16
 * minutes and writes overhead.svg beside this file.
 *
 * - throughput: what loads that take all CPU lose, in alternating slices (overhead/slices.ts)
 * - rates: CPU and kernel time at 1,000 and 10,000 requests/s and at the most (overhead/rates.ts)
 * - sidecars: proxies at both ends under the same requests (overhead/sidecars.ts). Envoy, where
 *   there is one: its path in ENVOY.
 * - streams, if named: what a stream loses, within narrow bounds (overhead/streams.ts); 8 minutes,
 *   with `--quick` two, in which nothing else may run, as the kernel's programs run for all
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from './machine.ts'
import {
  keptConnections,
  type Load,
  largeBodies,
  longBody,
  shortConnections,
  steadyRequests,
  stream,
} from './overhead/loads.ts'
import { plot } from './overhead/plot.ts'
import { withBpfStats } from './overhead/processes.ts'
import { type Captured, type Cost, costOf } from './overhead/rates.ts'
import { costOfSidecar, isThere, SIDECARS, type SidecarCost } from './overhead/sidecars.ts'
import { type Loss, slices } from './overhead/slices.ts'
import { streamTables } from './overhead/stream_tables.ts'
import { percent } from './statistics.ts'
import { Traced } from './traced.ts'

const PARTS = ['throughput', 'rates', 'sidecars']
const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const { quick } = values
const parts = positionals.length > 0 ? positionals : PARTS

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? (quick ? 4 : 20))
/** Of `streams`. */
const TURNS = Number(process.env.BENCH_TURNS ?? (quick ? 10 : 90))
const SECONDS = Number(process.env.BENCH_SECONDS ?? (quick ? 3 : 6))
/** A slice has so many latencies that a hundredth of them are some. */
const LATENCY = { perSecond: 4000, sliceMs: 300 } as const
/** Per second; 0: as many as there can be. */
const RATES = quick ? [1000] : [1000, 10_000, 0]
/** How long a rate is watched. A neighbour's burst is in one window of several. */
const WATCHED = quick
  ? { warmMs: 3000, settleMs: 33_000, windows: 1, seconds: SECONDS }
  : { warmMs: 25_000, settleMs: 90_000, windows: 5, seconds: SECONDS }
const CAPTURED: readonly Captured[] = ['connections', 'all']

const LOADS: readonly (() => Promise<Load>)[] = [
  keptConnections,
  shortConnections,
  largeBodies,
  longBody,
  () => stream(false),
  () => stream(true),
]

async function throughput(): Promise<Loss[]> {
  const traced = await Traced.start({ requests: true, exporters: '{ nop: {} }' })
  const losses: Loss[] = []
  const run = async (make: () => Promise<Load>, latency: boolean) => {
    // Connections are known from their beginning, as those of a host that runs flowspan are.
    traced.attach()
    const load = await make()
    const more = latency ? { latency, sliceMs: LATENCY.sliceMs } : {}
    const found = await slices(load, traced, { rounds: ROUNDS, ...more })
    await load.stop()
    for (const loss of found) console.log(lossLine(loss))
    losses.push(...found)
  }
  console.log(`## Throughput, ${ROUNDS} rounds\n`)
  console.log(
    '| load | programs | bare | with | lost of the rate | of the CPU | of both ends alone ' +
      '| programs: runs, ns of a unit | of the CPU |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|')
  traced.detach()
  try {
    for (const make of LOADS) await run(make, false)
    await run(() => steadyRequests(LATENCY.perSecond), true)
  } finally {
    await traced.end()
  }
  return losses
}

function lossLine({ load, unit, mode, bare, with: rate, ...of }: Loss): string {
  const [lost, cpu, path] = [of.rate, of.cpu, of.path].map(({ median, low, high }) => {
    return `${percent(median)} (${percent(low)} … ${percent(high)})`
  })
  const [without, with_] = [bare, rate].map((each) => Math.round(each).toLocaleString('en'))
  const { runsPerWork, nsPerWork, share } = of.programs
  const programs = `${runsPerWork.toFixed(1)}, ${Math.round(nsPerWork)} | ${percent(share)}`
  return (
    `| ${load} | ${mode} | ${without} ${unit} | ${with_} | ${lost} | ${cpu} | ${path} ` +
    `| ${programs} |`
  )
}

async function rates(): Promise<Cost[]> {
  console.log('\n## A host side and 1,000 requests/s: millicores; RSS in MiB; latency in µs\n')
  console.log(
    '| captured | requests/s | kernel | pipeline | keeper | sum (least … most) ' +
      '| kernel ns a request | RSS keeper, pipeline | p50, p99 |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|')
  const costs: Cost[] = []
  for (const captured of CAPTURED) {
    for (const perSecond of RATES) {
      const cost = await costOf(captured, { perSecond, ...WATCHED })
      console.log(costLine(cost))
      costs.push(cost)
    }
  }
  return costs
}

function costLine(cost: Cost): string {
  const { name, kernel, pipeline, keeper, sum, sums, nsPerRequest, p50Us, p99Us } = cost
  const parts = [kernel, pipeline, keeper, sum].map((each) => each.toFixed(2)).join(' | ')
  const between = sums.map((each) => each.toFixed(2)).join(' … ')
  const latency = p99Us > 0 ? `${Math.round(p50Us)}, ${Math.round(p99Us)}` : '–'
  return (
    `| ${name} | ${Math.round(cost.perSecond)} | ${parts} (${between}) ` +
    `| ${Math.round(nsPerRequest)} ` +
    `| ${cost.rssMiB.join(', ')} | ${latency} |`
  )
}

async function sidecars(): Promise<SidecarCost[]> {
  console.log('\n## A proxy at each end, the same\n')
  console.log('| proxy | requests/s | millicores | RSS MiB of one | p50, p99 µs |')
  console.log('|---|---|---|---|---|')
  const costs: SidecarCost[] = []
  for (const name of ['none', ...Object.keys(SIDECARS).filter(isThere)]) {
    for (const perSecond of RATES.filter((each) => each > 0)) {
      const cost = await costOfSidecar(name, { perSecond, seconds: SECONDS / 2 })
      const { sum, rssMiB, p50Us, p99Us } = cost
      console.log(
        `| ${name} | ${Math.round(cost.perSecond)} | ${sum.toFixed(1)} | ${Math.round(rssMiB)} ` +
          `| ${Math.round(p50Us)}, ${Math.round(p99Us)} |`,
      )
      if (name !== 'none') costs.push(cost)
    }
  }
  return costs
}

const began = new Date()
console.log(`# Overhead\n\n${describeMachine()}, ${began.toISOString().slice(0, 16)}Z\n`)
const losses = parts.includes('throughput') ? await throughput() : []
const costs = parts.includes('rates') ? await withBpfStats(rates) : []
const proxies = parts.includes('sidecars') ? await sidecars() : []
if (parts.includes('streams')) await streamTables(TURNS)
if (positionals.length === 0 && !quick) {
  writeFileSync(join(import.meta.dirname, 'overhead.svg'), plot(losses, [...costs, ...proxies]))
}
console.log(`\n${Math.round((Date.now() - began.getTime()) / 1000)} s`)
