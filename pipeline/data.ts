/** What the graph must know of the data it carries: how many items, and how to copy them. */
import type { Signal, SignalData } from './component.ts'
import { FlowBatch } from './flows/batch.ts'

/** Flow rows, spans, metric data points or log records. */
export function itemsOf(data: SignalData[Signal]): number {
  return data instanceof FlowBatch ? data.rows : data.items
}

/** About the memory that it takes. */
export function bytesOf(data: SignalData[Signal]): number {
  return data instanceof FlowBatch ? data.byteLength : data.bytes.byteLength
}

/** A copy that shares nothing with the original. */
export function copyOf(data: SignalData[Signal]): SignalData[Signal] {
  return data instanceof FlowBatch ? data.clone() : { ...data, bytes: data.bytes.slice() }
}

/** What the items of a signal are called in the names of metrics. */
export const ITEM_NAMES: { readonly [S in Signal]: string } = {
  flows: 'flows',
  traces: 'spans',
  metrics: 'metric_points',
  logs: 'log_records',
}
