/** Options that clients over gRPC and HTTP share (Collector config/configgrpc, confighttp). */
import { z } from 'zod'
import { secret } from '../config/secret.ts'

const pair = z.strictObject({ name: z.string(), value: secret().default('') })

/** A map of names to values, or a list of `{ name, value }`. Values are secrets. */
export const headerOptions = z
  .union([z.record(z.string(), secret()), z.array(pair)])
  .default({})
  .transform((headers): Readonly<Record<string, string>> => {
    if (!Array.isArray(headers)) return headers
    return Object.fromEntries(headers.map(({ name, value }) => [name, value]))
  })

/** Which extension gives the credentials of each request. */
export const authOptions = z.strictObject({ authenticator: z.string().min(1) }).optional()
