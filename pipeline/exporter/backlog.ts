/** Where requests wait for a consumer: in memory, or on disk. */
import type { Host } from '../component.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'
import type { QueueConfig } from './options.ts'
import type { Request } from './request.ts'

export interface Backlog {
  /** In units of the `sizer`; what is being sent counts, as it takes room until it is done. */
  readonly size: number
  readonly bytes: number
  /** Whether nothing would be taken, whatever it were. */
  readonly isFull: boolean
  /** What is not sent when the process ends is there when it starts again. */
  readonly outlivesProcess: boolean
  /** Items that were taken over and are not accounted for. */
  held(): number
  start?(host: Host): Promise<void>
  offer(batch: OtlpBatch): Outcome | Promise<Outcome>
  /** The oldest request that nobody has taken. */
  take(): Request | undefined | Promise<Request | undefined>
  /** From now on nothing is taken in, and failures are the shutdown's. */
  stop(): void
  /** All that had been taken is settled. Counts what is left. */
  close(): Promise<void>
}

export interface BacklogEvents {
  /** There may be something to take. */
  readonly onReady: () => void
}

export function sizeOf({ bytes, items }: OtlpBatch, sizer: QueueConfig['sizer']): number {
  if (sizer === 'requests') return 1
  return sizer === 'items' ? items : bytes.length
}
