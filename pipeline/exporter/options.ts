/** Options that exporters over a network share; names and defaults are the Collector's. */
import { z } from 'zod'
import type { ConfigProblem } from '../component.ts'
import { duration } from '../config/duration.ts'
import { section } from './section.ts'

/** `retry_on_failure` (Collector config/configretry). Times in milliseconds. */
export const retryOptions = section(
  z.strictObject({
    enabled: z.boolean().default(true),
    initial_interval: duration('5s'),
    max_interval: duration('30s'),
    /** 0: never gives up. */
    max_elapsed_time: duration('5m'),
    multiplier: z.number().default(1.5),
    randomization_factor: z.number().default(0.5),
  }),
)

const SIZERS = ['requests', 'items', 'bytes'] as const

const batchOptions = z.strictObject({
  flush_timeout: duration('200ms'),
  /** Left out: the queue's if that is written down and is not `requests`; else `items`. */
  sizer: z.enum(SIZERS).optional(),
  min_size: z.int().default(8192),
  /** 0: a batch is never cut. */
  max_size: z.int().default(0),
  partition: section(z.strictObject({ metadata_keys: z.array(z.string()).default([]) })),
})

/** `sending_queue` (Collector exporter/exporterhelper/internal/queuebatch). */
export const queueOptions = section(
  z
    .strictObject({
      enabled: z.boolean().default(true),
      num_consumers: z.int().default(10),
      /** In units of the sizer; what is being sent counts. */
      queue_size: z.int().default(1000),
      sizer: z.enum(SIZERS).optional(),
      block_on_overflow: z.boolean().default(false),
      wait_for_result: z.boolean().default(false),
      /** Id of a storage extension; '' for a queue in memory. */
      storage: z.string().default(''),
      /** Present, even empty: on. */
      batch: batchOptions.nullable().optional(),
    })
    .transform(({ sizer, batch, ...rest }) => ({
      ...rest,
      sizer: sizer ?? 'requests',
      batch: batch === undefined ? undefined : withSizer(batch, sizer),
    })),
)

/** An empty `batch` is the default one, whatever the queue's sizer (the Collector's rule). */
function withSizer(
  batch: z.infer<typeof batchOptions> | null,
  queueSizer: (typeof SIZERS)[number] | undefined,
) {
  if (batch === null) return { ...batchOptions.parse({}), sizer: 'items' as const }
  return { ...batch, sizer: batch.sizer ?? queueSizer ?? ('items' as const) }
}

export type RetryConfig = z.infer<typeof retryOptions>
export type QueueConfig = z.infer<typeof queueOptions>
export type BatchConfig = NonNullable<QueueConfig['batch']>

/** What is wrong between the options, in the Collector's words. */
export function retryProblems(retry: RetryConfig): readonly ConfigProblem[] {
  const { initial_interval, max_interval, max_elapsed_time } = retry
  if (!retry.enabled) return []
  return problems('retry_on_failure', [
    [
      retry.randomization_factor < 0 || retry.randomization_factor > 1,
      "'randomization_factor' must be within [0, 1]",
    ],
    [retry.multiplier < 0, "'multiplier' must be non-negative"],
    [
      max_elapsed_time > 0 && max_elapsed_time < initial_interval,
      "'max_elapsed_time' must not be less than 'initial_interval'",
    ],
    [
      max_elapsed_time > 0 && max_elapsed_time < max_interval,
      "'max_elapsed_time' must not be less than 'max_interval'",
    ],
  ])
}

export function queueProblems(queue: QueueConfig): readonly ConfigProblem[] {
  const { batch } = queue
  if (!queue.enabled) return []
  const found = problems('sending_queue', [
    [queue.num_consumers <= 0, '`num_consumers` must be positive'],
    [queue.queue_size <= 0, '`queue_size` must be positive'],
    [
      queue.storage !== '' && queue.wait_for_result,
      '`wait_for_result` is not supported with a persistent queue configured with `storage`',
    ],
    [
      batch?.sizer === queue.sizer && batch.min_size > queue.queue_size,
      '`min_size` must be less than or equal to `queue_size`',
    ],
  ])
  return batch === undefined ? found : [...found, ...batchProblems(batch)]
}

function batchProblems(batch: BatchConfig): readonly ConfigProblem[] {
  const { sizer, flush_timeout, min_size, max_size } = batch
  const keys = batch.partition.metadata_keys.map((key) => key.toLowerCase())
  const twice = keys.find((key, i) => keys.indexOf(key) < i)
  const where = ['sending_queue', 'batch']
  return [
    ...problems(where, [
      [sizer === 'requests', '`batch` supports only `items` or `bytes` sizer, found "requests"'],
      [flush_timeout <= 0, `\`flush_timeout\` must be positive, found ${flush_timeout}`],
      [min_size < 0, `\`min_size\` must be non-negative, found ${min_size}`],
      [max_size < 0, `\`max_size\` must be non-negative, found ${max_size}`],
      [
        max_size > 0 && max_size < min_size,
        `\`max_size\` (${max_size}) must be greater or equal to \`min_size\` (${min_size})`,
      ],
    ]),
    ...problems(
      [...where, 'partition'],
      [[twice !== undefined, `duplicate entry in metadata_keys: "${twice}" (case-insensitive)`]],
    ),
  ]
}

function problems(
  path: string | readonly string[],
  rules: readonly (readonly [boolean, string])[],
): ConfigProblem[] {
  return rules
    .filter(([broken]) => broken)
    .map(([, message]) => ({ path: typeof path === 'string' ? [path] : path, message }))
}
