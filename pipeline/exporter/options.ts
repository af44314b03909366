/** Options that exporters over a network share; names and defaults are the Collector's. */
import { z } from 'zod'
import { duration } from '../config/duration.ts'

/** A map of options: left out or left empty (`tls:`) it is all defaults. */
function section<T extends z.ZodType>(options: T) {
  return z.preprocess((value) => value ?? {}, options).prefault(null)
}

/** `retry_on_failure` (Collector config/configretry). Times in milliseconds. */
export const retryOptions = section(
  z.strictObject({
    enabled: z.boolean().default(true),
    initial_interval: duration('5s'),
    max_interval: duration('30s'),
    /** 0: never gives up. */
    max_elapsed_time: duration('5m'),
    multiplier: z.number().min(1).default(1.5),
    randomization_factor: z.number().min(0).max(1).default(0.5),
  }),
)

/** `sending_queue` (Collector exporter/exporterhelper). */
export const queueOptions = section(
  z.strictObject({
    enabled: z.boolean().default(true),
    num_consumers: z.int().min(1).max(1000).default(10),
    /** Requests, each with up to thousands of items. */
    queue_size: z.int().min(1).max(1_000_000).default(1000),
    block_on_overflow: z.boolean().default(false),
  }),
)

/** `tls` (Collector config/configtls). */
export const tlsOptions = section(
  z.strictObject({
    insecure: z.boolean().default(false),
    insecure_skip_verify: z.boolean().default(false),
    ca_file: z.string().default(''),
    cert_file: z.string().default(''),
    key_file: z.string().default(''),
    server_name_override: z.string().default(''),
  }),
)

export type RetryConfig = z.infer<typeof retryOptions>
export type QueueConfig = z.infer<typeof queueOptions>
export type TlsConfig = z.infer<typeof tlsOptions>
