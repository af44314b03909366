/** Options of receivers that find requests: how they are read and how many are kept. */
import { z } from 'zod'
import { duration } from '../config/duration.ts'

export const requestOptions = {
  query: z
    .enum(['redact', 'drop', 'keep'])
    .default('redact')
    .describe('what becomes of values in targets and queries: replaced, left out, kept'),
  open_row_after: duration('1s').describe('an exchange that lasts longer sends an open row first'),
  open_row_interval: duration('1m').describe(
    'and another so often, as long as it is open: whoever waits for its end knows that one comes',
  ),
  dns_timeout: duration('10s').describe(
    'a DNS query that was not answered so long after it was sent last has failed',
  ),
  pipelined_max: z
    .number()
    .int()
    .min(1)
    .max(65_536)
    .default(128)
    .describe('requests of one connection that wait for their response'),
  exchanges_max: z
    .number()
    .int()
    .min(1)
    .default(65_536)
    .describe('requests of all connections that wait for their response'),
}
