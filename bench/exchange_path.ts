/**
 * What the pipeline process costs at a steady rate, without the kernel: records as the kernel
 * writes them, paced, through the process as users run it, both ends of each exchange.
 *
 * A loop over the hot path (the benches http1, stitch) shows a tenth of this: at 1,000 requests a
 * second the process sleeps most of the time, and wakes with cold caches, few rows a batch, and
 * functions that are not compiled yet.
 *
 *     exchange_path.ts [load…] [--against TREE] [--flag=NODE_OPTION]…
 *
 * `--against` gives another tree the same load at the same time, `--flag` this one under those
 * options of Node: a machine's pace, and what else it does, changes from second to second. `ratio`
 * is of the first to each. BENCH_PROFILE=directory writes CPU profiles.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { PIPELINE_NODE_OPTIONS } from '../cli/run.ts'
import { describeMachine } from './machine.ts'
import { rssMiB } from './overhead/processes.ts'
import { type Load, measure, Pipeline, type PipelineOptions, send } from './recorded_pipeline.ts'
import { median } from './statistics.ts'

const WARM_SECONDS = Number(process.env.BENCH_WARM ?? 5)
/** The warm-up is hotter than the load, for compilers count calls: a minute's worth in seconds. */
const WARM_FACTOR = Number(process.env.BENCH_WARM_FACTOR ?? 10)
const WARM_PER_SECOND_MAX = 10_000
const SETTLE_SECONDS = Number(process.env.BENCH_SETTLE ?? 1)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)

const { values, positionals } = parseArgs({
  options: { against: { type: 'string' }, flag: { type: 'string', multiple: true } },
  allowPositionals: true,
})

const LOADS: readonly (readonly [string, Load])[] = [
  ['1,000 requests/s', { perSecond: 1000, payload: true }],
  ['10,000 requests/s', { perSecond: 10_000, payload: true }],
  ['connections alone', { perSecond: 1000, payload: false }],
  ['nothing', { perSecond: 0, payload: false }],
]

interface Contender {
  readonly name: string
  readonly pipeline: Pipeline
  readonly found: number[]
  readonly byThread: Map<string, number>
}

async function contenders(): Promise<(PipelineOptions & { name: string })[]> {
  const { against, flag } = values
  const main = join(import.meta.dirname, '../main.ts')
  const profile = process.env.BENCH_PROFILE
  const found = [{ name: 'this', main, nodeOptions: PIPELINE_NODE_OPTIONS, profile }]
  if (against !== undefined) {
    const tree = resolve(against)
    const { PIPELINE_NODE_OPTIONS: nodeOptions } = await import(join(tree, 'cli/run.ts'))
    found.push({ name: 'other', main: join(tree, 'main.ts'), nodeOptions, profile: undefined })
  }
  if (flag !== undefined) {
    found.push({ ...found[0]!, name: 'flags', nodeOptions: [...PIPELINE_NODE_OPTIONS, ...flag] })
  }
  return found
}

async function begin(load: Load): Promise<Contender[]> {
  const all: Contender[] = []
  for (const options of await contenders()) {
    const pipeline = await Pipeline.start({ ...options, payload: load.payload })
    all.push({ name: options.name, pipeline, found: [], byThread: new Map() })
  }
  const perSecond = Math.min(load.perSecond * WARM_FACTOR, WARM_PER_SECOND_MAX)
  const pipelines = all.map(({ pipeline }) => pipeline)
  await send(pipelines, { ...load, perSecond, seconds: WARM_SECONDS })
  await send(pipelines, { ...load, seconds: SETTLE_SECONDS })
  return all
}

async function bench(name: string, load: Load): Promise<void> {
  const all = await begin(load)
  const pipelines = all.map(({ pipeline }) => pipeline)
  for (let round = 0; round < ROUNDS; round++) {
    const measured = await measure(pipelines, { ...load, seconds: SECONDS })
    for (const [i, threads] of measured.entries()) {
      const { found, byThread } = all[i] as Contender
      found.push([...threads.values()].reduce((sum, millicores) => sum + millicores, 0))
      for (const [thread, millicores] of threads) {
        byThread.set(thread, (byThread.get(thread) ?? 0) + millicores / ROUNDS)
      }
    }
  }
  const first = all[0] as Contender
  for (const contender of all) {
    console.log(line(name, contender, first))
    await contender.pipeline.end()
  }
}

function line(load: string, { name, pipeline, found, byThread }: Contender, first: Contender) {
  const parts = [...byThread].filter(([, millicores]) => millicores >= 0.05)
  const threads = parts.map(([thread, millicores]) => `${thread} ${millicores.toFixed(2)}`)
  const [total, least] = [median(found), Math.min(...found)]
  const ratio = median(found.map((each, round) => (first.found[round] as number) / each))
  return (
    `| ${load} | ${name} | ${total.toFixed(2)} | ${least.toFixed(2)} | ${(total / 2).toFixed(2)} ` +
    `| ${ratio.toFixed(2)} | ${rssMiB(pipeline.pid)} | ${threads.join(', ')} |`
  )
}

console.log(`${describeMachine()}\n`)
console.log('| load | build | process mc | least | a host side | ratio | RSS MiB | by thread |')
console.log('|---|---|---|---|---|---|---|---|')
for (const [name, load] of LOADS) {
  const isWanted = positionals.length === 0 || positionals.some((each) => name.startsWith(each))
  if (isWanted) await bench(name, load)
}
