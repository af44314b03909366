import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { parseEndpoint } from '../../pipeline/exporter/grpc_endpoint.ts'
import { grpcClientOptions, grpcClientProblems } from '../../pipeline/exporter/grpc_options.ts'

export const schema = z.strictObject({ endpoint: z.string().default(''), ...grpcClientOptions })

export type OtlpConfig = z.infer<typeof schema>

export function validate(config: OtlpConfig): readonly ConfigProblem[] {
  const endpoint = parseEndpoint(config.endpoint)
  const problems = grpcClientProblems(config)
  if (!('problem' in endpoint)) return problems
  return [{ path: ['endpoint'], message: endpoint.problem }, ...problems]
}
