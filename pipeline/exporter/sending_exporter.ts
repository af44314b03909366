/** Puts the layers together, for every exporter that sends OTLP batches over a network. */
import type { Exporter, Host, Settings, Signal } from '../component.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { Direct } from './direct.ts'
import { Health } from './health.ts'
import { BatchSizes, Observed, observeQueue } from './observed.ts'
import type { QueueConfig, RetryConfig } from './options.ts'
import { SendingQueue } from './queue.ts'
import { Retry } from './retry.ts'
import type { Sender } from './sender.ts'
import { Timeout } from './timeout.ts'

/** Makes one attempt. The only part that knows the protocol. */
export interface Transport extends Sender {
  /** Opens what it needs; connecting may wait for the first batch. */
  start(host: Host): void | Promise<void>
}

export interface SendingConfig {
  readonly retry_on_failure: RetryConfig
  readonly sending_queue: QueueConfig
  /** Of one attempt, in milliseconds; 0 for none. */
  readonly timeout: number
}

export type OtlpExporter = Exporter<OtlpBatch['signal']>

export interface SendingParts {
  /** Of the requests. */
  readonly signal: OtlpBatch['signal']
  /** The pipeline's, by which queue and metrics are named; flow rows go as logs. */
  readonly carries?: Signal
  readonly transport: Transport
  readonly config: SendingConfig
}

export function sendingExporter(settings: Settings, of: SendingParts): OtlpExporter {
  const { id, ledger, logger, meter, tracer } = settings
  const { signal, transport, carries = signal } = of
  const { timeout, retry_on_failure: retry, sending_queue: queue } = of.config
  const observation = { id, signal: carries, meter, tracer }
  const timed = timeout > 0 ? new Timeout(timeout, { next: transport }) : transport
  const health = new Health({ next: timed })
  const retried = retry.enabled ? new Retry(retry, { next: health, logger }) : health
  const isBatching = queue.enabled && queue.batch !== undefined
  const sizes = isBatching ? new BatchSizes(observation, 'queue_batch_send_size') : undefined
  const next = new Observed(observation, { next: retried, sizes })
  const start = async (host: Host) => {
    health.start(host)
    await transport.start(host)
  }
  if (!queue.enabled) {
    const direct = new Direct({ next, ledger, logger })
    return {
      mutates: false,
      start,
      consume: (batch) => direct.consume(batch),
      shutdown: () => direct.shutdown(),
    }
  }
  const sending = new SendingQueue(queue, { id, signal, carries, next, ledger, logger })
  const offered = new BatchSizes(observation, 'enqueue_size')
  const { backlog } = sending
  let endObserving = () => {}
  return {
    mutates: false,
    start: async (host) => {
      await start(host)
      await sending.start(host)
      endObserving = observeQueue(observation, {
        get size() {
          return backlog.size
        },
        get bytes() {
          return backlog.bytes
        },
        capacity: queue.queue_size,
      })
    },
    consume: (batch) => {
      offered.record(batch)
      return sending.consume(batch)
    },
    refusal: () => sending.refusal(),
    held: () => sending.held(),
    shutdown: async (deadline) => {
      await sending.shutdown(deadline)
      endObserving()
    },
  }
}
