/** What can be seen of the storage from outside. */
import type { BatchObservableResult, Observable } from '@opentelemetry/api'
import type { Settings } from '../../pipeline/component.ts'
import type { QueueDirectory } from '../../pipeline/storage/directory.ts'

/** Measures until the function that it answers with is called. */
export function measure({ id, meter }: Settings, directory: QueueDirectory): () => void {
  const size = meter.createObservableGauge('otelcol_file_storage_size', {
    description: 'Bytes of all queues on the disk',
    unit: 'By',
  })
  const capacity = meter.createObservableGauge('otelcol_file_storage_capacity', {
    description: 'The option max_size_mib, in bytes',
    unit: 'By',
  })
  const refused = meter.createObservableCounter('otelcol_file_storage_refused_records', {
    description: 'Records that were not taken, as max_size_mib was reached or the disk refused',
    unit: '{records}',
  })
  const damaged = meter.createObservableCounter('otelcol_file_storage_damaged_records', {
    description: 'Stored records that are lost, as the disk gave other bytes back or none',
    unit: '{records}',
  })
  const damagedBytes = meter.createObservableCounter('otelcol_file_storage_damaged_bytes', {
    description: 'Bytes of these records',
    unit: 'By',
  })
  const tornBytes = meter.createObservableCounter('otelcol_file_storage_torn_bytes', {
    description: 'Bytes cut off, of records that were not accepted yet when the process ended',
    unit: 'By',
  })
  const extension = { extension: id }
  const observe = (result: BatchObservableResult) => {
    const { budget, damage } = directory
    result.observe(size, budget.used, extension)
    result.observe(capacity, budget.limits.maxBytes, extension)
    for (const [reason, count] of Object.entries(directory.refused)) {
      result.observe(refused, count, { ...extension, reason })
    }
    result.observe(damaged, damage.records, extension)
    result.observe(damagedBytes, damage.bytes, extension)
    result.observe(tornBytes, damage.tornBytes, extension)
  }
  const all: Observable[] = [size, capacity, refused, damaged, damagedBytes, tornBytes]
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}
