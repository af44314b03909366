import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const UNITS: { readonly [unit: string]: number } = { '': 1, KiB: KIB, MiB: MIB, GiB: GIB }

/** Bytes: a number, or text such as `512MiB`. */
function size(defaultBytes: number) {
  return z
    .unknown()
    .transform((value, context) => {
      const parts = /^(\d+(?:\.\d+)?) ?(|KiB|MiB|GiB)$/.exec(String(value))
      const bytes = Number(parts?.[1]) * (UNITS[parts?.[2] ?? ''] ?? Number.NaN)
      if (Number.isSafeInteger(bytes)) return bytes
      context.addIssue(`must be a size such as "512MiB", or a number of bytes: it is "${value}"`)
      return z.NEVER
    })
    .default(defaultBytes)
}

const compaction = z.strictObject({
  on_start: z.boolean().default(false),
  on_rebound: z.boolean().default(false),
  directory: z.string().default(''),
  rebound_needed_threshold_mib: z.int().min(0).default(100),
  rebound_trigger_threshold_mib: z.int().min(0).default(10),
  max_transaction_size: z.int().min(0).default(65_536),
  check_interval: duration('5s'),
  cleanup_on_start: z.boolean().default(false),
})

export const schema = z.strictObject({
  directory: z.string().default('/var/lib/otelcol/file_storage'),
  create_directory: z.boolean().default(false),
  directory_permissions: z.string().default('0750'),
  timeout: duration('1s'),
  fsync: z.boolean().default(false),
  max_size: size(GIB),
  segment_size: size(16 * MIB),
  compaction: z.preprocess((value) => value ?? {}, compaction).prefault(null),
})

export type FileStorageConfig = z.infer<typeof schema>

/** Offsets in a segment have 32 bits. */
const SEGMENT_BYTES_MAX = 2 * GIB
const SEGMENT_BYTES_MIN = 4 * KIB

export function validate(config: FileStorageConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const problem = (option: string, message: string) =>
    problems.push({ path: [option], message: `${option} ${message}` })
  if (config.directory === '') problem('directory', 'must be non-empty')
  if (!/^0?[0-7]{3}$/.test(config.directory_permissions)) {
    const found = config.directory_permissions
    problem('directory_permissions', `must be octal, such as "0750": it is "${found}"`)
  }
  const { segment_size, max_size } = config
  if (segment_size < SEGMENT_BYTES_MIN || segment_size > SEGMENT_BYTES_MAX) {
    problem('segment_size', `must be from 4KiB to 2GiB: it is ${segment_size}`)
  } else if (max_size < 2 * segment_size) {
    problem('max_size', `must be at least twice segment_size: it is ${max_size}`)
  }
  return problems
}

/** As a number for the operating system. */
export function modeOf({ directory_permissions }: FileStorageConfig): number {
  return Number.parseInt(directory_permissions, 8)
}
