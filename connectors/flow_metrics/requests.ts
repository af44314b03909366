/** Durations of requests, by the semantic conventions for HTTP metrics. */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { errorType, OTHER_METHOD, serverOf } from '../../pipeline/flows/http.ts'
import { addressWords, noAddress, RowIndex } from '../../pipeline/flows/row_index.ts'
import { ROLE } from '../../pipeline/flows/schema.ts'
import { HTTP_CLIENT_DURATION, HTTP_SERVER_DURATION } from './instruments.ts'
import type { Resource } from './resources.ts'
import { type Attributes, isMeasured, Metric, type MetricOptions, type Series } from './series.ts'

export class Requests {
  readonly server: Metric
  readonly client: Metric
  readonly #methods: ReadonlySet<string>
  readonly #index = new RowIndex<Series>(12)
  #batch: FlowBatch | undefined

  constructor(options: MetricOptions, knownMethods: readonly string[]) {
    this.server = new Metric(HTTP_SERVER_DURATION, options)
    this.client = new Metric(HTTP_CLIENT_DURATION, options)
    this.#methods = new Set(knownMethods)
  }

  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#index.clear()
  }

  /** Measures a closed exchange row. */
  measure(row: number, resource: Resource, now: number): void {
    const batch = this.#batch as FlowBatch
    const microseconds = batch.base.duration_us[row] as number
    if (!isMeasured(microseconds)) return
    this.#fillIndex(batch, row, resource)
    const series = this.#index.get() ?? this.#index.set(this.#series(batch, row, { resource, now }))
    series.record(microseconds / 1e6, now)
  }

  /** All that the attributes are made from. */
  #fillIndex({ base }: FlowBatch, row: number, resource: Resource): void {
    const { numbers } = this.#index
    const isClient = base.role[row] === ROLE.client
    const host = base.host[row] as number
    numbers[0] = resource.id
    numbers[1] = isClient ? 1 : 0
    numbers[2] = base.method[row] as number
    numbers[3] = base.status[row] as number
    numbers[4] = base.protocol_version[row] as number
    numbers[5] = base.desynchronised[row] as number
    numbers[6] = isClient ? host : 0
    numbers[7] = isClient ? (base.dst_port[row] as number) : 0
    if (isClient && host === 0) addressWords(numbers, 8, [base.dst_address, row])
    else noAddress(numbers, 8)
  }

  #series(
    batch: FlowBatch,
    row: number,
    { resource, now }: { resource: Resource; now: number },
  ): Series {
    const metric = batch.base.role[row] === ROLE.client ? this.client : this.server
    return metric.series(resource, this.#attributes(batch, row), now)
  }

  #attributes(batch: FlowBatch, row: number): Attributes {
    const { base } = batch
    const method = batch.text(base.method, row)
    const status = base.status[row] as number
    const error = errorType(base, row)
    const version = batch.text(base.protocol_version, row)
    const attributes: (readonly [string, string | number])[] = [
      ['http.request.method', this.#methods.has(method) ? method : OTHER_METHOD],
      ['url.scheme', 'http'],
      ['network.protocol.name', 'http'],
    ]
    if (version !== '') attributes.push(['network.protocol.version', version])
    if (status !== 0) attributes.push(['http.response.status_code', status])
    if (error !== '') attributes.push(['error.type', error])
    if (base.role[row] === ROLE.client) {
      const { address, port } = serverOf(batch, row)
      attributes.push(['server.address', address], ['server.port', port])
    }
    return attributes
  }
}
