/** What rows of connections are added up by: local end, peer's service and workload, role. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { RowIndex } from '../../pipeline/flows/row_index.ts'
import { ROLES } from '../../pipeline/flows/schema.ts'
import type { Peer, Resource } from './resources.ts'
import type { Attributes, Metric, Series } from './series.ts'

/** Edges that are remembered. */
const EDGES_MAX = 4096

export interface Ends {
  readonly local: Resource
  readonly remote: Peer
}

/** Which series of an edge: a metric, and what the series has beside the edge's attributes. */
export interface Member {
  readonly metric: Metric
  readonly attributes: Attributes
}

export interface Edge {
  readonly resource: Resource
  readonly attributes: Attributes
  /** Those that were needed so far. */
  readonly series: Map<Member, Series>
}

/** Edges and their series, until they are told to forget them. */
export class Edges {
  readonly #index = new RowIndex<Edge>(3, EDGES_MAX)
  #base: Columns<'base'> | undefined

  begin(batch: FlowBatch): void {
    this.#base = batch.base
  }

  /** Some series may have expired. */
  forget(): void {
    this.#index.clear()
  }

  at(row: number, { local, remote }: Ends): Edge {
    const role = this.#base?.role[row] as number
    const { numbers } = this.#index
    numbers[0] = local.id
    numbers[1] = remote.id
    numbers[2] = role
    const known = this.#index.get()
    if (known !== undefined) return known
    const attributes: Attributes = [['flowspan.role', ROLES[role] ?? ''], ...remote.attributes]
    return this.#index.set({ resource: local, attributes, series: new Map() })
  }
}

export function seriesOf(edge: Edge, member: Member, now: number): Series {
  const known = edge.series.get(member)
  if (known !== undefined) return known
  const attributes = [...edge.attributes, ...member.attributes]
  const series = member.metric.series(edge.resource, attributes, now)
  edge.series.set(member, series)
  return series
}
