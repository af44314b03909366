import { z } from 'zod'
import { knownMethods } from '../../pipeline/flows/conventions/http.ts'
import { httpRoutes } from '../../pipeline/flows/conventions/routes.ts'

export const schema = z.strictObject({
  known_methods: knownMethods,
  http_routes: httpRoutes,
})

export type FlowSpansConfig = z.infer<typeof schema>
