/** The connector with what stands around it, and its points decoded. */
import assert from 'node:assert/strict'
import { type FlowMetricsConfig, schema } from '../../../connectors/flow_metrics/config.ts'
import { FlowMetrics } from '../../../connectors/flow_metrics/flow_metrics.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { decode } from '../../proto/otlp.ts'
import { type FlowRow, flowBatch, Surroundings } from '../rows.ts'

// biome-ignore lint/suspicious/noExplicitAny: decoded messages are walked freely
type Decoded = any

export interface Point {
  readonly resource: Record<string, unknown>
  readonly metric: Decoded
  readonly name: string
  readonly attributes: Record<string, unknown>
  readonly data: Decoded
}

export class Stage {
  readonly around = new Surroundings()
  readonly connector: FlowMetrics
  now = 1_000_000

  constructor(options: Partial<FlowMetricsConfig> = {}) {
    const { settings, next } = this.around
    const config = { ...schema.parse({}), ...options }
    this.connector = new FlowMetrics(settings, config, { next, clock: () => this.now })
  }

  send(...rows: FlowRow[]): void {
    assert.deepEqual(this.connector.consume(flowBatch(...rows)), OK)
  }

  /** The points of a flush. */
  async flush(): Promise<Point[]> {
    this.around.got.length = 0
    await this.connector.flush()
    return this.around.got.flatMap(points)
  }
}

function points(batch: OtlpBatch): Point[] {
  const all = decode(batch).resourceMetrics.flatMap((resource: Decoded) =>
    resource.scopeMetrics.flatMap((scope: Decoded) =>
      scope.metrics.flatMap((metric: Decoded) =>
        (metric.histogram ?? metric.sum).dataPoints.map((data: Decoded) => ({
          resource: attributes(resource.resource.attributes),
          metric,
          name: metric.name,
          attributes: attributes(data.attributes),
          data,
        })),
      ),
    ),
  )
  assert.equal(all.length, batch.items)
  return all
}

function attributes(list: Decoded[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]))
}

export function only(all: Point[], name: string): Point {
  const found = all.filter((point) => point.name === name)
  assert.equal(found.length, 1, name)
  return found[0] as Point
}
