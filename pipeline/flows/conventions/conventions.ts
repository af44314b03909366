/**
 * What the OpenTelemetry semantic conventions make of an exchange row. Each family of protocols is
 * one module here; spans, metrics and printed lines ask the same module, so that they agree.
 *
 *     familyOf('redis').span(batch, row, of)      name, kind, failure and attributes of its span
 *     familyOf('redis').measure(batch, row, of)   which metric its duration belongs to
 *
 * Names are those of the conventions 1.45, stable ones wherever there are;
 * test/connectors/conventions.test.ts holds every name against the conventions' own package.
 */
import type { TracesWriter } from '../../otlp/traces_writer.ts'
import type { FlowBatch } from '../batch.ts'
import type { Pairs } from './pairs.ts'

/** Metrics of durations, in seconds, each with the conventions' buckets. */
export const DURATIONS = [
  'http.server.request.duration',
  'http.client.request.duration',
  'rpc.server.call.duration',
  'rpc.client.call.duration',
  'db.client.operation.duration',
  'messaging.client.operation.duration',
  'dns.lookup.duration',
  'flowspan.exchange.duration',
] as const

export type DurationName = (typeof DURATIONS)[number]

/** What is known of a row beside its columns. */
export interface Of {
  /** `http.route`, '' where there is none. */
  readonly route: string
  /** Of HTTP: methods that are told apart. */
  readonly methods: ReadonlySet<string>
}

export interface SpanShape {
  /** Of low cardinality. */
  readonly name: string
  /** One of SPAN_KIND. */
  readonly kind: number
  readonly failed: boolean
  readonly attributes: Pairs
}

export interface Measure {
  readonly duration: DurationName
  readonly attributes: Pairs
}

/**
 * What `span` or `measure` read beside the columns that they may always read (alike.ts):
 * what they give is remembered by these, so that rows alike are worked out once.
 */
export type Detail = 'route' | 'target' | 'none'

export interface Conventions {
  readonly spanDetail: Detail
  readonly metricDetail: Detail
  /** Attributes of the bytes of a request and a response, with their heads. */
  readonly sizes: readonly [request: string, response: string]
  /** The span, without what connections and ends have in common. */
  span(batch: FlowBatch, row: number, of: Of): SpanShape
  /**
   * In which column rows have to be equal, and alike, for `own` to write the same; `none`: it takes
   * more than one, or writes nothing, and is called for each row.
   */
  readonly ownDetail: 'target' | 'query' | 'none'
  /** Writes the attributes that few rows share: URLs, query texts. */
  own(writer: TracesWriter, batch: FlowBatch, row: number): void
  measure(batch: FlowBatch, row: number, of: Of): Measure
  /** How it ended, for people: a status, an error, '' where all is well and nothing is said. */
  result(batch: FlowBatch, row: number): string
}

export const EXCHANGE_SIZES = [
  'flowspan.exchange.request.size',
  'flowspan.exchange.response.size',
] as const

export const HTTP_SIZES = ['http.request.size', 'http.response.size'] as const
