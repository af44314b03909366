/** Merging and cutting of what a pipeline carries. */
import type { Signal, SignalData } from '../../pipeline/component.ts'
import { itemsOf } from '../../pipeline/data.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { mergeRequests, splitRequest } from '../../pipeline/otlp/split.ts'

/** One batch of several; of OTLP the concatenation of their bytes. The parts stay as they are. */
export function merged<S extends Signal>(parts: readonly SignalData[S][]): SignalData[S] {
  const items = parts.reduce((sum, part) => sum + itemsOf(part), 0)
  const first = parts[0] as SignalData[Signal]
  if (parts.length === 1) return first as SignalData[S]
  if (!(first instanceof FlowBatch)) {
    const bytes = mergeRequests((parts as readonly OtlpBatch[]).map((part) => part.bytes))
    return { signal: first.signal, bytes, items } as SignalData[S]
  }
  const all = new FlowBatch(items)
  for (const part of parts as readonly FlowBatch[]) {
    all.appendRows(part, rowsOf(0, part.rows))
  }
  return all as SignalData[S]
}

/** Pieces of at most `max` items, or why the bytes cannot be cut. */
export function pieces<S extends Signal>(
  data: SignalData[S],
  max: number,
): readonly SignalData[S][] | string {
  if (!(data instanceof FlowBatch)) {
    const { signal, client } = data
    const found = splitRequest(data, { sizer: 'items', max })
    if ('kind' in found) return found.reason
    return found.map((piece) => ({ signal, ...piece, ...(client && { client }) }) as SignalData[S])
  }
  const found: FlowBatch[] = []
  for (let from = 0; from < data.rows; from += max) {
    const rows = rowsOf(from, Math.min(max, data.rows - from))
    const piece = new FlowBatch(rows.length)
    piece.appendRows(data, rows)
    found.push(piece)
  }
  return found as SignalData[S][]
}

export function bytesOf(data: SignalData[Signal]): number {
  return data instanceof FlowBatch ? 0 : data.bytes.length
}

function rowsOf(from: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => from + i)
}
