/** Units and buckets that the Collector's instruments share. */
import type { Signal } from '../component.ts'

export const ITEM_UNITS: { readonly [S in Signal]: string } = {
  flows: '{flow}',
  traces: '{span}',
  metrics: '{datapoint}',
  logs: '{record}',
}

/** Bounds of histograms of items a request or batch. */
export const ITEM_BUCKETS: number[] = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000,
  20_000, 30_000, 50_000, 100_000,
]

/** The same of bytes: powers of two from 128 B to 16 MiB. */
export const BYTE_BUCKETS: number[] = Array.from({ length: 18 }, (_, i) => 128 * 2 ** i)
