/**
 * What a row costs in CPU by where chains are joined: at their agent, at a gateway, or at three
 * that divide the rows: then each is read, divided and sent on once more, calls after their causes
 * have been decided. And what a gateway has with rows that agents have stitched, or named both ends
 * of. Without sockets.
 *
 * Chains of CHAIN requests, both ends of each, leaf first. The ways take turns in one process; each
 * figure is the median of the rounds' ratios, and the best of their times.
 */
import { divide, type Part } from '../exporters/load_balancing/division.ts'
import { divisionBy } from '../exporters/load_balancing/keys.ts'
import { Rendezvous } from '../exporters/load_balancing/rendezvous.ts'
import type { Consumer } from '../pipeline/component.ts'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { Origin } from '../pipeline/flows/origin.ts'
import { decodeFlows } from '../pipeline/flows/otlp/decode.ts'
import { FlowsEncoder } from '../pipeline/flows/otlp/encode.ts'
import type { OtlpBatch } from '../pipeline/otlp/batch.ts'
import { OK } from '../pipeline/outcome.ts'
import { K8sAttributes } from '../processors/k8s_attributes/k8s_attributes.ts'
import { type StitchConfig, schema } from '../processors/stitch/config.ts'
import { Stitch } from '../processors/stitch/stitch.ts'
import { settingsOf } from '../test/pipeline/surroundings.ts'
import { addRow, type Row } from '../test/processors/stitch/rows.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 15
const CHAINS = 4000
const CHAIN = 4
const BATCH_ROWS = 4000
const ROWS = CHAINS * CHAIN * 2
const HOSTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3']
const OWNERS = new Rendezvous(HOSTS)

function rowsOf(chain: number): Row[] {
  const flow = (depth: number) => chain * 16 + depth + 1
  return Array.from({ length: CHAIN }, (_, i) => CHAIN - 1 - i).flatMap((depth): Row[] => {
    const cause = depth > 0 && { cause: { flow: flow(depth - 1), offset: 0 } }
    return [
      { role: 'server', flow: flow(depth), name: 'GET' },
      { role: 'client', flow: flow(depth), name: 'GET', ...cause },
    ]
  })
}

/** As agents make them; the identities are new each time. */
function batches(): FlowBatch[] {
  const origin = new Origin({ id: 'host', name: 'host', node: 'node' })
  const rows = Array.from({ length: CHAINS }, (_, chain) => rowsOf(chain)).flat()
  const made: FlowBatch[] = []
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const batch = new FlowBatch(BATCH_ROWS)
    for (const row of rows.slice(from, from + BATCH_ROWS)) addRow(batch, row)
    origin.stamp(batch)
    made.push(batch)
  }
  return made
}

/** As they send them. */
function requests(): OtlpBatch[] {
  const encoder = new FlowsEncoder('0')
  return batches().map((batch) => encoder.encode(batch))
}

let ids = 0
function stitch(options: Partial<StitchConfig>, next: Consumer<'flows'>, id = `${ids++}`): Stitch {
  const made = new Stitch(
    settingsOf({ id }),
    { ...schema.parse({ wait: 'always' }), ...options },
    { next },
  )
  made.start()
  return made
}

class Counting implements Consumer<'flows'> {
  readonly mutates = false
  rows = 0

  consume(batch: FlowBatch) {
    this.rows += batch.rows
    return OK
  }
}

/** An agent joins the chains of its host before it sends rows: no encoding is counted here. */
function agent(input: readonly FlowBatch[]): Promise<unknown> {
  const sink = new Counting()
  const all = stitch(schema.parse({ wait: 'known' }), sink)
  for (const batch of input) all.consume(batch)
  return finish([all], sink)
}

/** Agents have stitched: the gateway reads rows and hands them on. */
function reading(input: readonly OtlpBatch[]): Promise<unknown> {
  const sink = new Counting()
  for (const { bytes, items } of input) sink.consume(decodeFlows(bytes, items).batch)
  return finish([], sink)
}

function one(input: readonly OtlpBatch[]): Promise<unknown> {
  const sink = new Counting()
  const all = stitch({}, sink)
  for (const { bytes, items } of input) all.consume(decodeFlows(bytes, items).batch)
  return finish([all], sink)
}

/** `k8s_attributes` without a watch: who is at both ends by what their hosts say of them. */
function oneWithNames(input: readonly OtlpBatch[]): Promise<unknown> {
  const sink = new Counting()
  const all = stitch({}, sink)
  const join = new K8sAttributes({
    next: all,
    ledger: settingsOf().ledger,
    cluster: undefined,
    watch: undefined,
    connectionsMax: 1_000_000,
    waitForRowMs: 0,
    rowsWaitingMax: 10_000,
    waitForMetadataMs: undefined,
  })
  for (const { bytes, items } of input) join.consume(decodeFlows(bytes, items).batch)
  return finish([all], sink)
}

/** Three gateways, of which this process is each in turn. */
function several(input: readonly OtlpBatch[]): Promise<unknown> {
  const sink = new Counting()
  const encoder = new FlowsEncoder('0')
  const cluster = ids++
  const pairs = HOSTS.map((_, i) => stitch({ part: 'pairs' }, sink, `${cluster}/${i}`))
  const byFlow = divisionBy('flow_id', { signal: 'logs', owners: OWNERS })
  const hop: Consumer<'flows'> = {
    mutates: false,
    consume(batch) {
      for (const { owner, batch: part } of divide(encoder.encode(batch), byFlow) as Part[]) {
        pairs[owner]?.consume(decodeFlows(part.bytes, part.items).batch)
      }
      return OK
    },
  }
  const causes = HOSTS.map((_, i) => {
    const memory = `${cluster}/${i}`
    return stitch({ part: 'causes', memory }, hop)
  })
  const byCause = divisionBy('cause', { signal: 'logs', owners: OWNERS })
  for (const request of input) {
    for (const { owner, batch } of divide(request, byCause) as Part[]) {
      causes[owner]?.consume(decodeFlows(batch.bytes, batch.items).batch)
      for (const each of causes) each.tick()
    }
  }
  return finish([...causes, ...pairs], sink)
}

async function finish(all: readonly Stitch[], sink: Counting): Promise<void> {
  for (const each of all) await each.shutdown()
  if (sink.rows !== ROWS) throw new Error(`${sink.rows} of ${ROWS} rows came out`)
}

/** Of the way alone: what it is given is made before. */
async function cpuOf<T>(make: () => T, way: (input: T) => Promise<unknown>): Promise<number> {
  const input = make()
  const before = process.cpuUsage()
  await way(input)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / ROWS
}

/** The first is what the others are compared with. */
const WAYS: Readonly<Record<string, () => Promise<number>>> = {
  'one gateway': () => cpuOf(requests, one),
  'one gateway, with k8s_attributes, no watch': () => cpuOf(requests, oneWithNames),
  'three gateways, all of them together': () => cpuOf(requests, several),
  'a gateway that agents have stitched for': () => cpuOf(requests, reading),
  'an agent that stitches': () => cpuOf(batches, agent),
}

const times = new Map<string, number[]>(Object.keys(WAYS).map((name) => [name, []]))
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, way] of Object.entries(WAYS)) times.get(name)?.push(await way())
}
const [base = []] = [...times.values()]
console.log(`${ROWS} rows, ${CHAIN} requests a chain, batches of ${BATCH_ROWS}`)
for (const [name, of] of times) {
  const ratios = of.map((time, round) => time / (base[round] as number)).sort((a, b) => a - b)
  const ratio = ratios[Math.floor(ROUNDS / 2)]?.toFixed(2)
  console.log(`${name.padEnd(44)} ${Math.min(...of).toFixed(2)} µs a row, ratio ${ratio}`)
}
console.log(describeMachine())
