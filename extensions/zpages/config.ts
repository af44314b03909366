import { z } from 'zod'

export const schema = z.strictObject({
  endpoint: z.string().min(1).default('localhost:55679').describe('`host:port`, or `unix:///path`'),
})

export type ZpagesConfig = z.infer<typeof schema>
