/** Chains over three hosts, whose rows meet in a gateway: each is kept or dropped as a whole. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlp } from '../../../exporters/otlp/index.ts'
import type { Exporter, ExporterFactory } from '../../../pipeline/component.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { linesIn } from '../../kit/lines.ts'
import { freePorts } from '../../kit/ports.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../../kit/processes.ts'
import { startService } from '../../kit/service.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { batchOf, type Row } from '../stitch/rows.ts'

const AGENTS = 3
const CHAINS = 1200
const PERCENTAGE = 30
/** Rows of a chain: both ends of each of its calls. */
const ROWS = 2 * (AGENTS - 1)

function gateway(port: number, [whole, sampled]: readonly [string, string]): string {
  return `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}" } } } }
processors:
  stitch/whole: { wait: always }
  stitch/sampled: { wait: always }
  probabilistic_sampler: { sampling_percentage: ${PERCENTAGE} }
exporters:
  file/whole: { path: ${whole}, flush_interval: 20ms }
  file/sampled: { path: ${sampled}, flush_interval: 20ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    flows/whole: { receivers: [otlp], processors: [stitch/whole], exporters: [file/whole] }
    flows/sampled:
      receivers: [otlp]
      processors: [stitch/sampled, probabilistic_sampler]
      exporters: [file/sampled]
`
}

/** What the host at this place of a chain sees: the call that came, and the one that it makes. */
function rowsAt(chain: number, place: number): Row[] {
  const flow = (call: number) => 1000 * (chain + 1) + 7 * call
  const came: Row[] = place > 0 ? [{ role: 'server', flow: flow(place), name: `${chain}` }] : []
  if (place === AGENTS - 1) return came
  const cause = place > 0 ? { cause: { flow: flow(place), offset: 0 } } : {}
  return [...came, { role: 'client', flow: flow(place + 1), name: `${chain}`, ...cause }]
}

async function agent(t: TestContext, port: number): Promise<Exporter<'flows'>> {
  const config = schema.parse({ endpoint: `127.0.0.1:${port}`, tls: { insecure: true } })
  const create = (otlp as ExporterFactory).create.flows
  assert(create)
  const made = await create(settingsOf({ id: 'otlp' }), config)
  await made.start?.(hostOf())
  t.after(() => made.shutdown?.(AbortSignal.timeout(2000)))
  return made
}

interface Line {
  readonly method: string
  readonly trace_id: string
}

/** Rows of each chain, by its name. */
function chainsIn(file: string): Map<string, Line[]> {
  return Map.groupBy(
    linesIn(file).map((line) => JSON.parse(line) as Line),
    ({ method }) => method,
  )
}

const rowsIn = (chains: Map<string, Line[]>) => [...chains.values()].flat().length

test('of chains over three hosts so many are kept, each of them with all its rows', async (t) => {
  const directory = temporaryDirectory('sampled')
  t.after(() => removeDirectory(directory))
  const files = [join(directory, 'whole'), join(directory, 'sampled')] as const
  const [port] = (await freePorts(1)) as [number]
  const { service } = await startService(t, gateway(port, files))
  const agents = await Promise.all(Array.from({ length: AGENTS }, () => agent(t, port)))
  const chains = Array.from({ length: CHAINS }, (_, chain) => chain)
  for (let from = 0; from < CHAINS; from += 100) {
    // The callee's host is the first to know.
    for (let place = AGENTS - 1; place >= 0; place--) {
      const rows = chains.slice(from, from + 100).flatMap((chain) => rowsAt(chain, place))
      assert.equal(await agents[place]?.consume(batchOf(rows)), OK)
    }
  }
  await waitFor('all rows', () => (rowsIn(chainsIn(files[0])) === CHAINS * ROWS ? true : undefined))
  await service.shutdown()
  const [whole, sampled] = files.map(chainsIn) as [Map<string, Line[]>, Map<string, Line[]>]
  for (const [name, lines] of sampled) {
    assert.equal(lines.length, ROWS, `chain ${name} is whole`)
    assert.deepEqual(new Set(lines.map(({ trace_id }) => trace_id)).size, 1)
    assert.equal(lines[0]?.trace_id, whole.get(name)?.[0]?.trace_id)
  }
  // Trace ids are hashes of these flows: the count is the same in every run, and within four sigma.
  const share = PERCENTAGE / 100
  const sigma = Math.sqrt(CHAINS * share * (1 - share))
  assert.ok(Math.abs(sampled.size - CHAINS * share) < 4 * sigma, `${sampled.size} of ${CHAINS}`)
})
