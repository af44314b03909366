/** What the Collector's batch processor measures of itself, under the same names. */
import type { Meter, ObservableCallback } from '@opentelemetry/api'
import { BYTE_BUCKETS, ITEM_BUCKETS } from '../../pipeline/telemetry/conventions.ts'
import type { Trigger } from './batcher.ts'

export class BatchTelemetry {
  /** A meter outlives a component: no more is observed. */
  readonly close: () => void
  readonly sent: (trigger: Trigger, size: { items: number; bytes: number }) => void

  constructor(meter: Meter, of: { id: string; cardinality: () => number }) {
    const name = (what: string) => `otelcol_processor_batch_${what}`
    const attributes = { processor: of.id }
    const triggers = {
      size: meter.createCounter(name('batch_size_trigger_send'), {
        unit: '{time}',
        description: 'Number of times the batch was sent due to a size trigger',
      }),
      timeout: meter.createCounter(name('timeout_trigger_send'), {
        unit: '{time}',
        description: 'Number of times the batch was sent due to a timeout trigger',
      }),
    }
    const items = meter.createHistogram(name('batch_send_size'), {
      unit: '{unit}',
      description: 'Number of units in the batch',
      advice: { explicitBucketBoundaries: ITEM_BUCKETS },
    })
    const bytes = meter.createHistogram(name('batch_send_size_bytes'), {
      unit: 'By',
      description: 'Number of bytes in batch that was sent',
      advice: { explicitBucketBoundaries: BYTE_BUCKETS },
    })
    const cardinality = meter.createObservableUpDownCounter(name('metadata_cardinality'), {
      unit: '{combination}',
      description: 'Number of distinct metadata value combinations being processed',
    })
    const observe: ObservableCallback = (result) => result.observe(of.cardinality(), attributes)
    cardinality.addCallback(observe)
    this.close = () => cardinality.removeCallback(observe)
    this.sent = (trigger, size) => {
      triggers[trigger].add(1, attributes)
      items.record(size.items, attributes)
      if (size.bytes > 0) bytes.record(size.bytes, attributes)
    }
  }
}
