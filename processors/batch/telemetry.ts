/** What the Collector's batch processor measures of itself, under the same names. */
import type { Meter, ObservableCallback } from '@opentelemetry/api'
import type { Trigger } from './batcher.ts'

const SIZES = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000,
  20_000, 30_000, 50_000, 100_000,
]
const BYTES = [...SIZES, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000]

export class BatchTelemetry {
  /** A meter outlives a component: no more is observed. */
  readonly close: () => void
  readonly sent: (trigger: Trigger, size: { items: number; bytes: number }) => void

  constructor(meter: Meter, of: { id: string; cardinality: () => number }) {
    const name = (what: string) => `otelcol_processor_batch_${what}`
    const attributes = { processor: of.id }
    const triggers = {
      size: meter.createCounter(name('batch_size_trigger_send'), {
        unit: '{times}',
        description: 'Number of times the batch was sent due to a size trigger',
      }),
      timeout: meter.createCounter(name('timeout_trigger_send'), {
        unit: '{times}',
        description: 'Number of times the batch was sent due to a timeout trigger',
      }),
    }
    const items = meter.createHistogram(name('batch_send_size'), {
      unit: '{units}',
      description: 'Number of units in the batch',
      advice: { explicitBucketBoundaries: SIZES },
    })
    const bytes = meter.createHistogram(name('batch_send_size_bytes'), {
      unit: 'By',
      description: 'Number of bytes in batch that was sent',
      advice: { explicitBucketBoundaries: [...BYTES, 1_000_000, 2_000_000, 5_000_000, 10_000_000] },
    })
    const cardinality = meter.createObservableUpDownCounter(name('metadata_cardinality'), {
      unit: '{combinations}',
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
