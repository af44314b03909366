/** What a user may set on `ebpf`; the README has the table. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration, durationOr } from '../../pipeline/config/duration.ts'
import { EPISODES } from '../../pipeline/kernel_events/episodes/episodes.ts'
import { CAPTURE_LIMIT, UDP_LIMIT } from '../../pipeline/kernel_events/events.gen.ts'
import { requestOptions } from '../../pipeline/requests/options.ts'
import { selectors } from './selectors.ts'

/** Rings are mapped in pages, and their size must be a power of two of them. */
const RING_BYTES_MIN = 4096
const RING_BYTES_MAX = 1 << 30

const ringBytes = z.number().int().min(RING_BYTES_MIN).max(RING_BYTES_MAX)

const positive = [(ms: number) => ms > 0, 'Must be above 0'] as const

export const schema = z.strictObject({
  interval: duration('20ms').describe('time between two looks at how full the rings are, at least'),
  interval_max: duration('5s').describe('the same at most: while they fill slowly'),
  batch: z
    .strictObject({
      rows: z.number().int().min(1).max(65_536).default(1000).describe('rows in a batch, at most'),
      latency: durationOr().describe(
        'how long records wait in the rings, and as rows in a batch, at most: 500ms, or 3s where ' +
          'no requests are read; with episodes 200ms and 1s',
      ),
    })
    .prefault({ rows: undefined }),
  include: selectors.describe('connections that are followed; without a rule all'),
  exclude: selectors.describe('connections that are not, whatever `include` says'),
  connections: z
    .strictObject({
      interval: duration('10s').describe(
        'an open connection that does something has a row so often; 0: when it ends',
      ),
      drops: z.boolean().default(true).describe('count packets that the kernel drops, by reason'),
    })
    .prefault({ interval: undefined }),
  requests: z
    .strictObject({
      enabled: z.boolean().default(true).describe('read requests, not only connections'),
      ...requestOptions,
      capture_small_bytes: z
        .number()
        .int()
        .min(16)
        .max(CAPTURE_LIMIT.CAPTURE_MAX)
        .default(1024)
        .describe('pieces of a stream up to this length are copied whole'),
      capture_max_bytes: z
        .number()
        .int()
        .min(64)
        .max(CAPTURE_LIMIT.CAPTURE_MAX)
        .default(4096)
        .describe('bytes copied of a longer piece that may hold the head of a message'),
      dns_ports: z
        .array(z.number().int().min(1).max(65_535))
        .max(UDP_LIMIT.DNS_PORTS_MAX)
        .default([53])
        .describe('ports of servers whose datagrams are read as DNS'),
    })
    .prefault({ open_row_after: undefined }),
  episodes: z
    .strictObject({
      enabled: z.boolean().default(false).describe('watch for delay, jitter and loss'),
      delay: duration('10ms')
        .refine(...positive)
        .describe('delay, one way and more than before, that is an episode'),
      jitter: duration('10ms')
        .refine(...positive)
        .describe('change of delay from segment to segment that is an episode, where it is usual'),
      loss: z
        .number()
        .min(0.001)
        .max(0.5)
        .default(EPISODES.loss)
        .describe('share of segments lost that is found; an eighth of it is let go'),
      end_after: duration('1s').describe('an episode is over when it did not show for so long'),
    })
    .prefault({ delay: undefined }),
  udp: z
    .strictObject({
      enabled: z.boolean().default(true).describe('follow UDP too'),
      idle_timeout: duration('60s').describe('a flow of UDP is over when nothing came for so long'),
      flows_max: z
        .number()
        .int()
        .min(1)
        .max(1 << 24)
        .default(65_536)
        .describe('flows of UDP that are followed at the same time'),
    })
    .prefault({ idle_timeout: undefined }),
  connections_max: z
    .number()
    .int()
    .min(1)
    .default(65_536)
    .describe('connections whose requests are followed at the same time'),
  backlog_rows_max: z
    .number()
    .int()
    .min(1)
    .default(16_384)
    .describe('rows kept while the pipeline takes none; then the rings fill'),
  host: z
    .strictObject({
      id: z.string().default('').describe('host.id of the rows; else /etc/machine-id'),
      name: z.string().default('').describe("host.name of the rows; else the kernel's node name"),
      node: z.string().default('').describe('k8s.node.name of the rows'),
    })
    .prefault({}),
  record: z
    .strictObject({
      path: z.string().default('').describe('a file to record raw events to; empty: none'),
      max_mib: z.number().int().min(1).default(256).describe('the recording ends at this size'),
    })
    .prefault({}),
  conn_ring_bytes: ringBytes.default(4 << 20).describe('ring of connection records'),
  payload_ring_bytes: ringBytes.default(16 << 20).describe('ring of payload pieces'),
})

export type EbpfConfig = z.infer<typeof schema>

/**
 * `batch::latency`. A look and its batch cost 0.7 ms of code that other programs have driven out of
 * the caches, as much as a hundred rows: at 1,000 requests/s five a second were a fifth of what
 * the process took. No trace waits for connections; episodes are told of by the clock, too.
 */
export function latencyMs({ batch, requests, episodes }: EbpfConfig): number {
  if (batch.latency !== undefined) return batch.latency
  if (episodes.enabled) return requests.enabled ? 200 : 1000
  return requests.enabled ? 500 : 3000
}

export function validate(config: EbpfConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const name of ['conn_ring_bytes', 'payload_ring_bytes'] as const) {
    if (!Number.isInteger(Math.log2(config[name]))) {
      problems.push({ path: [name], message: `Must be a power of two: it is ${config[name]}` })
    }
  }
  const { capture_small_bytes: small, capture_max_bytes: max } = config.requests
  if (small > max) {
    problems.push({
      path: ['requests', 'capture_small_bytes'],
      message: `Must be at most capture_max_bytes (${max}): it is ${small}`,
    })
  }
  if (config.interval_max < config.interval) {
    problems.push({
      path: ['interval_max'],
      message: `Must be at least interval (${config.interval} ms): it is ${config.interval_max} ms`,
    })
  }
  return problems
}

/** Options that the kernel programs and their rings were made with. */
const FIXED = [
  ['connections', 'interval'],
  ['connections', 'drops'],
  ['conn_ring_bytes'],
  ['payload_ring_bytes'],
  ['requests', 'enabled'],
  ['requests', 'capture_small_bytes'],
  ['requests', 'capture_max_bytes'],
  ['requests', 'dns_ports'],
  ['episodes', 'enabled'],
  ['episodes', 'delay'],
  ['episodes', 'jitter'],
  ['udp', 'enabled'],
  ['udp', 'idle_timeout'],
  ['udp', 'flows_max'],
  ['record', 'path'],
  ['record', 'max_mib'],
] as const

export function fixed(running: EbpfConfig, wanted: EbpfConfig): readonly ConfigProblem[] {
  return FIXED.flatMap((path) => {
    const [before, after] = [valueAt(running, path), valueAt(wanted, path)]
    if (isDeepStrictEqual(before, after)) return []
    return [{ path, message: `Cannot change without a restart: it is ${before}, not ${after}` }]
  })
}

function valueAt(config: EbpfConfig, path: (typeof FIXED)[number]): unknown {
  let value: unknown = config
  for (const key of path) value = (value as Record<string, unknown>)[key]
  return value
}
