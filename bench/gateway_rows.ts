/**
 * Rows of chains for any number of hosts, made of recorded ones (testdata/chains.logs.pb.gz): what
 * three agents sent of chains through six services (test/kit/fleet.ts), exchanges and connections.
 *
 * Each chain that is begun is a recorded one with flows, hosts, pods and times of its own: all ends
 * of a flow get the same new id, a cause its flow's, and every row keeps its distance from the end.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { decodeFlows } from '../pipeline/flows/otlp/decode.ts'
import { KIND, ROLE } from '../pipeline/flows/schema.ts'
import { countItems } from '../pipeline/otlp/count.ts'
import { fromNumber, toNumber } from '../pipeline/u64.ts'

const RECORDED = join(import.meta.dirname, 'testdata/chains.logs.pb.gz')
const GROUPS = ['node-a', 'node-b', 'node-c']
/** Services of a host, each a pod; the recorded pods' last bytes are FIRST_POD and up. */
export const SERVICES = 6
const FIRST_POD = 11
/** The service whose pod asks the first one, where chains come from inside. */
const ASKER = 2
/** Hosts whose pods Kubernetes knows; those of others have the same addresses. */
export const HOSTS_MAX = 100

interface Template {
  readonly rows: readonly { readonly row: number; readonly group: number }[]
  /** Where each flow that a row or a cause names stands in the list of the chain's flows. */
  readonly flows: ReadonlyMap<string, number>
  /** When its last row ended, in nanoseconds. */
  readonly endNs: number
}

/** Address of a host's pod, its last two bytes within 10.200.0.0/16. */
export function podAddress(host: number, service: number): readonly [number, number] {
  const pod = (host % HOSTS_MAX) * SERVICES + service
  return [pod >> 8, pod & 255]
}

export class Chains {
  readonly #recorded: FlowBatch
  readonly #templates: readonly Template[]
  readonly #hosts: number
  #begun = 0

  /** @param asked from `inside`, by a pod that an agent sees, or from `outside` */
  constructor(hosts: number, asked: 'inside' | 'outside') {
    const bytes = new Uint8Array(gunzipSync(readFileSync(RECORDED)))
    const records = countItems('logs', bytes)
    if (typeof records !== 'number') throw new Error(records.reason)
    const recorded = decodeFlows(bytes, records).batch
    this.#recorded = asked === 'inside' ? withClients(recorded) : recorded
    this.#templates = templatesOf(this.#recorded)
    this.#hosts = hosts
  }

  /** Exchanges in a chain; each has a row at both ends, but for the first, which nobody sends. */
  static readonly EXCHANGES = SERVICES

  /** Begins a chain that ends now: gives each of its rows to `put`, with the host that sees it. */
  begin(nowNs: number, put: (host: number, source: FlowBatch, row: number) => FlowBatch): void {
    const chain = this.#begun++
    const template = this.#templates[chain % this.#templates.length] as Template
    // Three different hosts, spread over all.
    const first = (chain * 7) % this.#hosts
    const step = 1 + (chain % Math.max(1, Math.floor((this.#hosts - 1) / 2)))
    const host = (group: number) => (first + group * step) % this.#hosts
    for (const { row, group } of template.rows) {
      const batch = put(host(group), this.#recorded, row)
      this.#rekey(batch, { template, chain, shiftNs: nowNs - template.endNs, host })
    }
  }

  #rekey(
    { base, rows }: FlowBatch,
    of: { template: Template; chain: number; shiftNs: number; host: (group: number) => number },
  ): void {
    const row = rows - 1
    for (const column of [base.flow_id, base.cause_flow_id]) {
      const index = of.template.flows.get(idAt(column, row))
      if (index === undefined) continue
      column[row * 2] = Math.imul(of.chain * 16 + index + 1, 0x9e3779b1)
      column[row * 2 + 1] = Math.imul(of.chain + 1, 0x85ebca6b)
    }
    for (const column of [base.start, base.end]) {
      const ns = toNumber(column[row * 2] as number, column[row * 2 + 1] as number)
      if (ns !== 0) fromNumber(column, row * 2, ns + of.shiftNs)
    }
    for (const column of [base.src_address, base.dst_address]) {
      const service = (column[row * 16 + 15] as number) - FIRST_POD
      // 10.64.x.y are the recorded pods'; 10.96.x.y, the Services', stay.
      if (column[row * 16 + 13] === 96 || service < 0 || service >= SERVICES) continue
      const [high, low] = podAddress(of.host(GROUP_OF[service] as number), service)
      column.set([10, 200, high, low], row * 16 + 12)
    }
  }
}

/** Of each service in their order (test/kit/fleet.ts). */
const GROUP_OF = [0, 1, 0, 2, 1, 2]

function templatesOf(batch: FlowBatch): Template[] {
  const { base, origin } = batch
  if (origin === undefined) throw new Error('The recorded rows do not say who saw them')
  const numberOfFlow = new Map<string, number>()
  const all = Array.from({ length: batch.rows }, (_, row) => row)
  const exchanges = all.filter((row) => base.kind[row] === KIND.exchange)
  for (const row of exchanges) {
    // Flows of fresh connections belong to one chain; rows of kept ones are told by their number.
    numberOfFlow.set(idAt(base.flow_id, row), numberAt(batch, row))
  }
  const numberOf = (row: number) =>
    base.kind[row] === KIND.exchange
      ? numberAt(batch, row)
      : numberOfFlow.get(idAt(base.flow_id, row))
  const chains = Map.groupBy(all, numberOf)
  return [...chains].flatMap(([number, rows]) => {
    if (number === undefined) return []
    const ids = rows.flatMap((row) => [idAt(base.flow_id, row), idAt(base.cause_flow_id, row)])
    const known = [...new Set(ids)].filter((id) => id !== '0 0')
    const ends = rows.map((row) =>
      toNumber(base.end[row * 2] as number, base.end[row * 2 + 1] as number),
    )
    return {
      rows: rows.map((row) => ({
        row,
        group: GROUPS.indexOf(batch.text(origin.host_node, row)),
      })),
      flows: new Map(known.map((id, index) => [id, index])),
      endNs: Math.max(...ends),
    }
  })
}

function idAt(column: Uint32Array, row: number): string {
  return `${column[row * 2]} ${column[row * 2 + 1]}`
}

function numberAt(batch: FlowBatch, row: number): number {
  return Number(/\d+$/.exec(batch.text(batch.base.target, row))?.[0])
}

/** With a row of the client's end of each chain's first request, on the same host. */
function withClients(recorded: FlowBatch): FlowBatch {
  const { base } = recorded
  const flows = new Set<string>()
  const callers = new Set<string>()
  for (let row = 0; row < recorded.rows; row++) {
    if (base.kind[row] !== KIND.exchange) continue
    const seen = base.role[row] === ROLE.server ? flows : callers
    seen.add(`${idAt(base.flow_id, row)} ${base.request_offset[row]}`)
  }
  const first = Array.from({ length: recorded.rows }, (_, row) => row).filter((row) => {
    const id = `${idAt(base.flow_id, row)} ${base.request_offset[row]}`
    return base.kind[row] === KIND.exchange && flows.has(id) && !callers.has(id)
  })
  const batch = new FlowBatch(recorded.rows + first.length)
  batch.appendRows(
    recorded,
    Array.from({ length: recorded.rows }, (_, row) => row),
  )
  batch.appendRows(recorded, first)
  batch.base.role.fill(ROLE.client, recorded.rows)
  // What the server saw is the node that masquerades: a pod of its host stands for who asked.
  for (let row = recorded.rows; row < batch.rows; row++) {
    batch.base.src_address[row * 16 + 15] = FIRST_POD + ASKER
  }
  return batch
}
