/** What a user may set on `pcap`; the README has the table. */
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { requestOptions } from '../../pipeline/requests/options.ts'

export const schema = z.strictObject({
  path: z.string().default('').describe('the capture: pcap or pcapng; `-` for standard input'),
  ends: z
    .enum(['auto', 'both', 'client', 'server'])
    .default('auto')
    .describe('whose rows are given: auto is the end on the capturing host, where that is known'),
  requests: z.strictObject(requestOptions).prefault({ open_row_after: undefined }),
  batch: z
    .strictObject({
      rows: z.number().int().min(1).max(65_536).default(1000).describe('rows in a batch, at most'),
    })
    .prefault({}),
  connections_max: z
    .number()
    .int()
    .min(1)
    .default(65_536)
    .describe('connections that are followed at the same time'),
  idle_timeout: duration('5m').describe(
    'a connection without a packet for so long, in the time of the capture, is over',
  ),
  early_bytes_max: z
    .number()
    .int()
    .min(0)
    .default(64 << 20)
    .describe('bytes of segments that wait for others before them, in all connections'),
  backlog_rows_max: z
    .number()
    .int()
    .min(1)
    .default(16_384)
    .describe('rows kept while the pipeline takes none; then reading waits'),
})

export type PcapConfig = z.infer<typeof schema>

export function validate(config: PcapConfig): readonly ConfigProblem[] {
  return config.path === '' ? [{ path: ['path'], message: 'path must be non-empty' }] : []
}
