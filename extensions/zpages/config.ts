import { z } from 'zod'

export const schema = z.strictObject({
  /** `host:port`, or `unix:///path`. */
  endpoint: z.string().min(1).default('localhost:55679'),
})

export type ZpagesConfig = z.infer<typeof schema>
