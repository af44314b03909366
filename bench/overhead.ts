/**
 * What flowspan costs a host that serves HTTP.
 *
 * 1. nginx and wrk over kept connections, both cores busy: requests a second in neighbouring slices
 *    with the kernel programs attached and detached, in alternating order. The machine swings by
 *    tens of percent; the ratio of two neighbours does not.
 * 2. A steady rate: the kernel programs' nanoseconds for each connection and each exchange
 *    (kernel.bpf_stats_enabled, here alone), and the pipeline process's CPU.
 *
 * Both ends of every connection are on this host, so it pays twice what a client's or a server's
 * host pays: "a host side" is half.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeMachine } from './machine.ts'
import { estimate, median, percent } from './statistics.ts'
import type { Order, Sent } from './steady_load.ts'
import { Traced } from './traced.ts'
import { startWrk, Web } from './web.ts'

const SLICE_MS = 200
/** After a switch, so that what was on its way does not count for the other side. */
const SETTLE_MS = 20
const PAIRS = Number(process.env.BENCH_PAIRS ?? 120)
const STEADY_SECONDS = Number(process.env.BENCH_SECONDS ?? 15)
const BPF_STATS = '/proc/sys/kernel/bpf_stats_enabled'
/** Few wake the process for little, many share a wake: the figure for 1,000 depends on the rate. */
const RATES = [1000, 5000]
const STEADY_LOAD = join(import.meta.dirname, 'steady_load.ts')
const NOP = '{ nop: {} }'

interface Slices {
  readonly bare: number
  readonly traced: number
  /** Share of requests lost in each pair: 1 − traced / bare. */
  readonly loss: readonly number[]
}

async function slices(web: Web, traced: Traced): Promise<Slices> {
  const bare: number[] = []
  const with_: number[] = []
  const wrk = startWrk(web.port, ((PAIRS + 10) * 2 * (SLICE_MS + SETTLE_MS + 20)) / 1000)
  await delay(1000)
  for (let pair = 0; pair < PAIRS; pair++) {
    // Alternating order, so that a drift of the machine favours neither.
    for (const attached of pair % 2 === 0 ? [false, true] : [true, false]) {
      if (attached) traced.attach()
      await delay(SETTLE_MS)
      const rate = await requestRate(web)
      ;(attached ? with_ : bare).push(rate)
      if (attached) traced.detach()
    }
  }
  wrk.kill('SIGTERM')
  const loss = bare.map((rate, i) => 1 - (with_[i] as number) / rate)
  return { bare: median(bare), traced: median(with_), loss }
}

async function requestRate(web: Web): Promise<number> {
  const before = await web.requests()
  const from = performance.now()
  await delay(SLICE_MS)
  const after = await web.requests()
  return ((after - before) / (performance.now() - from)) * 1000
}

async function throughput(requests: boolean): Promise<void> {
  const web = await Web.start()
  const traced = await Traced.start({ requests, exporters: NOP })
  try {
    traced.detach()
    const { bare, traced: rate, loss } = await slices(web, traced)
    const { median: middle, low, high } = estimate(loss)
    console.log(
      `| nginx + wrk, ${requests ? 'requests captured' : 'connections only'} ` +
        `| ${Math.round(bare)} | ${Math.round(rate)} | ${percent(middle)} ` +
        `| ${percent(low)} … ${percent(high)} | ${loss.length} |`,
    )
  } finally {
    await traced.end()
    await web.stop()
  }
}

async function steady(requests: boolean, perSecond: number): Promise<void> {
  const web = await Web.start()
  const traced = await Traced.start({ requests, exporters: NOP })
  const load = fork(STEADY_LOAD, [String(web.port)])
  try {
    // Warm first: what V8's workers compile in the first minute is no cost of a running process.
    await sendFor(load, { perSecond: 10_000, seconds: 5 })
    await sendFor(load, { perSecond, seconds: 2 })
    const cpuBefore = traced.cpuSeconds()
    const before = traced.kernelNs()
    const { sent, connections, seconds } = await sendFor(load, {
      perSecond,
      seconds: STEADY_SECONDS,
    })
    await delay(500)
    const cpu = traced.cpuSeconds() - cpuBefore
    const after = traced.kernelNs()
    const ns = (program: string) => (after.get(program)?.ns ?? 0) - (before.get(program)?.ns ?? 0)
    const perConnection = ns('set_state') / connections
    const perExchange = (ns('received') + ns('sent')) / sent
    const kernel = (ns('set_state') + ns('received') + ns('sent')) / 1e9
    const perThousand = (cpuSeconds: number) =>
      ((cpuSeconds / seconds) * 1000 * (1000 / (sent / seconds))) / 2
    console.log(
      `| ${requests ? 'requests captured' : 'connections only'} | ${Math.round(sent / seconds)} ` +
        `| ${Math.round(perConnection)} | ${requests ? Math.round(perExchange) : '–'} ` +
        `| ${perThousand(kernel).toFixed(2)} | ${perThousand(cpu).toFixed(2)} ` +
        `| ${perThousand(kernel + cpu).toFixed(2)} | ${Math.round(traced.rssBytes() / 2 ** 20)} |`,
    )
  } finally {
    load.kill('SIGTERM')
    await traced.end()
    await web.stop()
  }
}

async function sendFor(load: ChildProcess, order: Order): Promise<Sent> {
  load.send(order)
  const [sent] = (await once(load, 'message')) as [Sent]
  return sent
}

async function withStats(run: () => Promise<void>): Promise<void> {
  const before = readFileSync(BPF_STATS, 'utf8')
  writeFileSync(BPF_STATS, '1')
  try {
    await run()
  } finally {
    writeFileSync(BPF_STATS, before)
  }
}

console.log(`# Overhead\n\n${describeMachine()}\n`)
console.log(`## Throughput, ${PAIRS} pairs of ${SLICE_MS} ms slices\n`)
console.log('| load | bare req/s | with flowspan | lost, median | 95 % bounds | pairs |')
console.log('|---|---|---|---|---|---|')
await throughput(true)
await throughput(false)
console.log(`\n## A steady rate for ${STEADY_SECONDS} s, a connection every 100 requests\n`)
console.log('Millicores a host side and 1,000 requests/s; ns at both ends together.\n')
console.log(
  '| captured | requests/s | ns a connection | ns an exchange | kernel mc | process mc | sum | RSS MiB |',
)
console.log('|---|---|---|---|---|---|---|---|')
await withStats(async () => {
  for (const rate of RATES) await steady(true, rate)
  for (const rate of RATES) await steady(false, rate)
})
