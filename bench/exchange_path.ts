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
 * `--against` takes turns with another tree, `--flag` with this one under those options of Node, for
 * a machine's pace changes from minute to minute. BENCH_PROFILE=directory writes CPU profiles.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { PIPELINE_NODE_OPTIONS } from '../cli/run.ts'
import { describeMachine } from './machine.ts'
import { type Load, Pipeline, type PipelineOptions, send } from './recorded_pipeline.ts'
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

async function begin(options: PipelineOptions & { name: string }, load: Load): Promise<Contender> {
  const pipeline = await Pipeline.start(options)
  const perSecond = Math.min(load.perSecond * WARM_FACTOR, WARM_PER_SECOND_MAX)
  await send(pipeline.recorded, { ...load, perSecond, seconds: WARM_SECONDS })
  return { name: options.name, pipeline, found: [], byThread: new Map() }
}

async function bench(name: string, load: Load): Promise<void> {
  const all: Contender[] = []
  for (const options of await contenders()) all.push(await begin(options, load))
  for (let round = 0; round < ROUNDS; round++) {
    // Each is first as often as the others.
    const order = all.map((_, i) => all[(i + round) % all.length] as Contender)
    for (const { pipeline, found, byThread } of order) {
      await send(pipeline.recorded, { ...load, seconds: SETTLE_SECONDS })
      const measured = await pipeline.measure({ ...load, seconds: SECONDS })
      found.push([...measured.values()].reduce((sum, millicores) => sum + millicores, 0))
      for (const [thread, millicores] of measured) {
        byThread.set(thread, (byThread.get(thread) ?? 0) + millicores / ROUNDS)
      }
    }
  }
  for (const { name: who, pipeline, found, byThread } of all) {
    const parts = [...byThread].filter(([, millicores]) => millicores >= 0.05)
    const text = parts
      .map(([thread, millicores]) => `${thread} ${millicores.toFixed(2)}`)
      .join(', ')
    const [total, least] = [median(found), Math.min(...found)]
    console.log(
      `| ${name} | ${who} | ${total.toFixed(2)} | ${least.toFixed(2)} ` +
        `| ${(total / 2).toFixed(2)} | ${pipeline.rssMiB()} | ${text} |`,
    )
    await pipeline.end()
  }
}

console.log(`${describeMachine()}\n`)
console.log('| load | build | process mc | least | a host side | RSS MiB | by thread |')
console.log('|---|---|---|---|---|---|---|')
for (const [name, load] of LOADS) {
  const isWanted = positionals.length === 0 || positionals.some((each) => name.startsWith(each))
  if (isWanted) await bench(name, load)
}
