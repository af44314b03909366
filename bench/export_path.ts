/**
 * What it costs to send the spans, beside what it costs to make them: the pipeline process on
 * recorded records (`exchange_path`) with one exporter each, all under the same load at the same
 * time, their backend a process of its own. `ratio` is to the first, whose spans go nowhere.
 *
 *     export_path.ts [REQUESTS A SECOND]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PIPELINE_NODE_OPTIONS } from '../cli/run.ts'
import { freePorts } from '../test/kit/ports.ts'
import type { Arrived } from './gateway_sink.ts'
import { describeMachine } from './machine.ts'
import { configTo, measure, Pipeline, send } from './recorded_pipeline.ts'
import { median } from './statistics.ts'

const WARM_SECONDS = Number(process.env.BENCH_WARM ?? 6)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 6)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const PER_SECOND = Number(process.argv[2] ?? 1000)

const [grpc = 0, http = 0] = await freePorts(2)
const otlp = `otlp: { endpoint: "127.0.0.1:${grpc}", tls: { insecure: true }`
const overHttp = `otlp_http: { endpoint: "http://127.0.0.1:${http}"`
const batch =
  'sending_queue: { batch: { flush_timeout: 1s, sizer: bytes, min_size: 1000000, max_size: 4000000 } }'

const WAYS: readonly (readonly [name: string, exporter: string])[] = [
  ['`nop`', 'nop: {}'],
  ['`otlp`, gzip: the default', `${otlp} }`],
  ['`otlp`, gzip, batches of a second', `${otlp}, ${batch} }`],
  ['`otlp`, not compressed', `${otlp}, compression: none }`],
  ['`otlp`, not compressed, batches of a second', `${otlp}, compression: none, ${batch} }`],
  ['`otlp_http`, gzip: the default', `${overHttp} }`],
  ['`otlp_http`, zstd', `${overHttp}, compression: zstd }`],
  ['`otlp_http`, zstd, batches of a second', `${overHttp}, compression: zstd, ${batch} }`],
]

const sink = fork(join(import.meta.dirname, 'gateway_sink.ts'), [
  `127.0.0.1:${grpc}`,
  `127.0.0.1:${http}`,
])
await once(sink, 'message')

const contenders: { name: string; pipeline: Pipeline; found: Map<string, number>[] }[] = []
for (const [name, exporter] of WAYS) {
  const main = join(import.meta.dirname, '../main.ts')
  const options = { main, nodeOptions: PIPELINE_NODE_OPTIONS, config: configTo(exporter) }
  contenders.push({ name, pipeline: await Pipeline.start(options), found: [] })
}
const pipelines = contenders.map(({ pipeline }) => pipeline)
await send(pipelines, { perSecond: PER_SECOND * 5, payload: true, seconds: WARM_SECONDS })
for (let round = 0; round < ROUNDS; round++) {
  const load = { perSecond: PER_SECOND, payload: true, seconds: SECONDS }
  for (const [i, threads] of (await measure(pipelines, load)).entries()) {
    contenders[i]?.found.push(new Map(threads))
  }
}

function total(threads: ReadonlyMap<string, number>): number {
  return [...threads.values()].reduce((sum, millicores) => sum + millicores, 0)
}

console.log(`${describeMachine()}\n`)
console.log(`${PER_SECOND} requests/s, both ends of each: millicores of a host side, medians\n`)
console.log('| exporter | process | of that, compression | ratio |')
console.log('|---|---|---|---|')
for (const { name, pipeline, found } of contenders) {
  const all = median(found.map(total)) / 2
  const workers = median(found.map((threads) => threads.get('libuv-worker') ?? 0)) / 2
  const ratio = median(
    found.map((of, i) => total(of) / total(contenders[0]?.found[i] ?? new Map())),
  )
  console.log(`| ${name} | ${all.toFixed(2)} | ${workers.toFixed(2)} | ${ratio.toFixed(2)} |`)
  await pipeline.end()
}
sink.send({})
const [arrived] = (await once(sink, 'message')) as [Arrived]
console.log(`\n${arrived.items} spans arrived in ${arrived.requests} requests`)
sink.disconnect()
