import { z } from 'zod'
import { knownMethods } from '../../pipeline/flows/http.ts'

export const schema = z.strictObject({
  known_methods: knownMethods,
})

export type FlowSpansConfig = z.infer<typeof schema>
