import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

const MIB = 1024 * 1024
const FILE_MODE_BITS = 0o777

/** The Collector's, for a database file that grows and never shrinks. A segment log does shrink. */
const compaction = z.strictObject({
  on_start: z.boolean().default(false),
  on_rebound: z.boolean().default(false),
  directory: z.string().default(''),
  rebound_needed_threshold_mib: z.int().default(100),
  rebound_trigger_threshold_mib: z.int().default(10),
  max_transaction_size: z.int().default(65_536),
  check_interval: duration('5s'),
  cleanup_on_start: z.boolean().default(false),
})

export const schema = z.strictObject({
  directory: z.string().default('/var/lib/otelcol/file_storage'),
  create_directory: z.boolean().default(false),
  directory_permissions: z.string().default('0750'),
  timeout: duration('1s'),
  fsync: z.boolean().default(false),
  max_size_mib: z
    .int()
    .min(2)
    .max(2 ** 32 - 1)
    .default(1024),
  /** Offsets in a segment have 32 bits. */
  segment_size_mib: z.int().min(1).max(2048).default(16),
  compaction: compaction.prefault({}),
})

export type FileStorageConfig = z.infer<typeof schema>

/** Where the Collector has the rule, in its words. */
export function validate(config: FileStorageConfig): readonly ConfigProblem[] {
  return problemsOf(config)
    .toArray()
    .map((message) => ({ path: [], message }))
}

function* problemsOf(config: FileStorageConfig): Generator<string> {
  const { directory, create_directory, directory_permissions: mode } = config
  if (directory === '') yield 'directory must be non-empty'
  if (create_directory && !/^[0-7]+$/.test(mode)) {
    yield 'directory_permissions value must be a valid octal representation'
  } else if (create_directory && modeOf(config) > FILE_MODE_BITS) {
    yield 'directory_permissions contain invalid bits for file access'
  }
  if (config.compaction.max_transaction_size < 0) {
    yield 'max transaction size for compaction cannot be less than 0'
  }
  if (config.compaction.on_rebound && config.compaction.check_interval <= 0) {
    yield 'compaction check interval must be positive when rebound compaction is set'
  }
  const { max_size_mib, segment_size_mib } = config
  if (max_size_mib < 2 * segment_size_mib) {
    yield `max_size_mib must be at least twice segment_size_mib: ${max_size_mib} is less than ` +
      `twice ${segment_size_mib}`
  }
}

/** As a number for the operating system. */
export function modeOf({ directory_permissions }: FileStorageConfig): number {
  return Number.parseInt(directory_permissions, 8)
}

export function bytesOf(mib: number): number {
  return mib * MIB
}
