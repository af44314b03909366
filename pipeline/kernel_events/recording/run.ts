/** What the first block of a run says: all that rows depend on beside what happened. */
import { z } from 'zod'

const requests = z.object({
  query: z.enum(['redact', 'drop', 'keep']),
  open_row_after: z.number().min(0),
  /** Recordings of before it was there have not had a second open row. */
  open_row_interval: z.number().min(0).default(Number.POSITIVE_INFINITY),
  dns_timeout: z.number().min(0),
  pipelined_max: z.number().int().min(1),
  exchanges_max: z.number().int().min(1),
})

const config = z.object({
  requests,
  connections_max: z.number().int().min(1),
  batch: z.object({ rows: z.number().int().min(1).max(65_536) }),
})

const names = z.object({ id: z.string(), name: z.string(), node: z.string() })

const run = z.object({
  /** Of flowspan, and of the kernel. */
  version: z.string(),
  kernel: z.string(),
  layout: z.string(),
  config,
  names: names.extend({ agentId: z.string(), bootId: z.string() }),
  dropReasons: z.array(z.string()),
  /** Nobody had read the rings before. */
  first: z.boolean(),
  /** Counters as they were when the run began, by index. */
  counters: z.array(z.tuple([z.number().int().min(0), z.number().int().min(0)])),
  /** What could be seen, for people. */
  capabilities: z.array(z.unknown()),
})

const reconfigured = z.object({ config, names })
const end = z.object({ why: z.enum(['stopped', 'full', 'behind']) })

export type RecordedRun = z.infer<typeof run>
export type RecordedConfig = z.infer<typeof config>
export type Reconfigured = z.infer<typeof reconfigured>
/** stopped: the receiver was. full: so much was wanted. behind: the disk did not keep up. */
export type EndReason = z.infer<typeof end>['why']

/** Each answers undefined for bytes that are something else. */
export const readRun = (bytes: Buffer) => parsed(run, bytes)
export const readReconfigured = (bytes: Buffer) => parsed(reconfigured, bytes)
export const readEnd = (bytes: Buffer) => parsed(end, bytes)

/** The options that a recording keeps, of all that a receiver has. */
export function recordedConfig(of: RecordedConfig): RecordedConfig {
  const { query, open_row_after, open_row_interval, ...more } = of.requests
  const { dns_timeout, pipelined_max, exchanges_max } = more
  const times = { open_row_after, open_row_interval, dns_timeout }
  return {
    requests: { query, ...times, pipelined_max, exchanges_max },
    connections_max: of.connections_max,
    batch: { rows: of.batch.rows },
  }
}

function parsed<T>(schema: z.ZodType<T>, bytes: Buffer): T | undefined {
  try {
    return schema.safeParse(JSON.parse(bytes.toString())).data
  } catch {
    return undefined
  }
}
