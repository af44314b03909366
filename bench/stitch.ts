/**
 * What user space pays for each exchange row behind the receiver: stitching, spans, metrics.
 *
 * Chains of CHAIN requests, each caused by the one before, both ends of each on this host: two rows
 * a request, connections apart. Rows come leaf first, as they do (a callee answers before its
 * caller), in batches of a ring's drain. Each figure is the best of several rounds, in CPU time:
 * noise only ever slows. Batches are made before the clock runs.
 */
import pino from 'pino'
import { schema as metricsSchema } from '../connectors/flow_metrics/config.ts'
import { FlowMetrics } from '../connectors/flow_metrics/flow_metrics.ts'
import { schema as spansSchema } from '../connectors/flow_spans/config.ts'
import { FlowSpans } from '../connectors/flow_spans/flow_spans.ts'
import type { Consumer, Settings, Signal } from '../pipeline/component.ts'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { KIND, LINK_METHOD, ROLE, STATE } from '../pipeline/flows/schema.ts'
import { Ledger } from '../pipeline/ledger.ts'
import { OK } from '../pipeline/outcome.ts'
import { schema as stitchSchema } from '../processors/stitch/config.ts'
import { Stitch } from '../processors/stitch/stitch.ts'
import { settingsOf } from '../test/pipeline/surroundings.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 10
const CHAINS = 5000
const CHAIN = 3
const BATCH_ROWS = 512
const SERVICES = 30
/** From each service to the next; chains take them in turn. */
const CONNECTIONS = 16

type Order = 'leaf first' | 'root first'

/** Mixed in both halves, as the kernel's are. */
function flowOf(chain: number, depth: number): [lo: number, hi: number] {
  const flow = (chain % CONNECTIONS) * CHAIN + depth + 1
  return [Math.imul(flow, 0x9e3779b1), Math.imul(flow, 0x85ebca6b)]
}

/** One row as the receiver and k8s_attributes leave it. */
function addRow(batch: FlowBatch, role: number, [chain, depth]: [number, number]): number {
  const { base } = batch
  const k8s = batch.add('k8s')
  const row = batch.addRow()
  const text = (value: string) => batch.strings.intern(value)
  base.kind[row] = KIND.exchange
  base.state[row] = STATE.closed
  base.role[row] = role
  base.flow_id.set(flowOf(chain, depth), row * 2)
  base.request_offset[row] = chain * 200
  base.cause_offset[row] = Number.NaN
  base.cause_confidence[row] = Number.NaN
  if (role === ROLE.client && depth > 0) {
    base.cause_flow_id.set(flowOf(chain, depth - 1), row * 2)
    base.cause_offset[row] = chain * 200
    base.cause_method[row] = LINK_METHOD.thread
    base.cause_confidence[row] = 0.95
  }
  base.src_address.set([0xff, 0xff, 10, 0, 0, 1], row * 16 + 10)
  base.dst_address.set([0xff, 0xff, 10, 0, 0, 2], row * 16 + 10)
  base.dst_port[row] = 8080
  base.connect_us[row] = 210
  base.srtt_us[row] = 120
  base.start.set([0x12345678, 0x18800000], row * 2)
  base.end.set([0x12445678, 0x18800000], row * 2)
  base.duration_us[row] = 1048
  base.comm[row] = text('nginx')
  base.protocol[row] = text('http')
  base.protocol_version[row] = text('1.1')
  base.method[row] = text('GET')
  base.target[row] = text(`/orders/${chain % 100}?page=`)
  base.host[row] = text('orders:8080')
  base.status[row] = 200
  const service = ((chain % CONNECTIONS) + depth) % SERVICES
  for (const [side, number] of [
    ['src', service],
    ['dst', service + 1],
  ] as const) {
    k8s[`${side}_service_name`][row] = text(`service-${number}`)
    k8s[`${side}_k8s_namespace`][row] = text('shop')
    k8s[`${side}_k8s_pod`][row] = text(`service-${number}-7d9c5b8f6d-x2x${number}`)
    k8s[`${side}_k8s_pod_uid`][row] = text(`0f8fad5b-d9cb-469f-a165-7086728950${number}`)
    k8s[`${side}_k8s_workload_kind`][row] = text('Deployment')
    k8s[`${side}_k8s_workload`][row] = text(`service-${number}`)
    k8s[`${side}_k8s_node`][row] = text('node-a')
  }
  return row
}

function batches(order: Order): FlowBatch[] {
  const all: FlowBatch[] = []
  let firsts = new Map<string, number>()
  for (let chain = 0; chain < CHAINS; chain++) {
    for (let i = 0; i < CHAIN; i++) {
      const depth = order === 'leaf first' ? CHAIN - 1 - i : i
      const roles = order === 'leaf first' ? [ROLE.server, ROLE.client] : [ROLE.client, ROLE.server]
      for (const role of roles) {
        if (all.at(-1)?.full ?? true) {
          all.push(new FlowBatch(BATCH_ROWS))
          firsts = new Map()
        }
        const batch = all.at(-1) as FlowBatch
        const row = addRow(batch, role, [chain, depth])
        const end = `${depth} ${chain % CONNECTIONS} ${role}`
        batch.firstOf[row] = firsts.get(end) ?? row
        firsts.set(end, batch.firstOf[row] as number)
      }
    }
  }
  return all
}

/** Takes what it is given, as one who sends it at once. */
class Drain<S extends Signal> implements Consumer<S> {
  readonly mutates = false

  consume(_data: Parameters<Consumer<S>['consume']>[0]) {
    return OK
  }
}

/** Keeps what it is given. */
class Sink<S extends Signal> implements Consumer<S> {
  readonly mutates = false
  readonly got: Parameters<Consumer<S>['consume']>[0][] = []

  consume(data: Parameters<Consumer<S>['consume']>[0]) {
    this.got.push(data)
    return OK
  }
}

function settings(): Settings {
  const logger = pino({ level: 'silent' })
  return settingsOf({ id: `bench/${performance.now()}`, logger, ledger: new Ledger(logger) })
}

async function stitched(order: Order, take: (us: number) => void): Promise<FlowBatch[]> {
  const input = batches(order)
  const sink = new Sink<'flows'>()
  const stitch = new Stitch(
    settings(),
    { ...stitchSchema.parse({}), wait: 'always' },
    { next: sink },
  )
  stitch.start()
  take(cpuOf(input, (batch) => stitch.consume(batch)))
  if (stitch.held() > 0) throw new Error('Rows are held although all parents have come')
  await stitch.shutdown()
  return sink.got
}

function spans(input: readonly FlowBatch[]): number {
  const connector = new FlowSpans(settings(), spansSchema.parse({}), new Drain<'traces'>())
  return cpuOf(input, (batch) => connector.consume(batch))
}

function metrics(input: readonly FlowBatch[]): number {
  const next = new Drain<'metrics'>()
  const connector = new FlowMetrics(settings(), metricsSchema.parse({}), { next })
  return cpuOf(input, (batch) => connector.consume(batch))
}

/** CPU time in microseconds. */
function cpuOf(input: readonly FlowBatch[], consume: (batch: FlowBatch) => unknown): number {
  const before = process.cpuUsage()
  for (const batch of input) consume(batch)
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const best = new Map<string, number>()
function note(name: string, us: number): void {
  best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, us))
}

for (let round = 0; round < ROUNDS; round++) {
  for (const order of ['leaf first', 'root first'] as const) {
    const rows = await stitched(order, (us) => note(`stitch, ${order}`, us))
    note('flow_spans', spans(rows))
    note('flow_metrics', metrics(rows))
  }
}
const ROWS = CHAINS * CHAIN * 2
console.log(`${ROWS} exchange rows, ${CHAIN} requests a trace, batches of ${BATCH_ROWS}`)
for (const [name, us] of best) {
  const each = (us / ROWS) * 1000
  // A thousand requests a second give a thousand rows a second at each of their ends.
  console.log(
    `${name.padEnd(20)} ${each.toFixed(0).padStart(5)} ns a row, ` +
      `${(each / 1000).toFixed(2)} millicores per 1000 requests/s a host side`,
  )
}
console.log(describeMachine())
