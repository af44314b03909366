/** Options of `k8s_attributes`; names are the Collector's where it has the option. */
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { AUTH_TYPES } from '../../pipeline/kubernetes/access.ts'
import {
  associationOptions,
  associationProblems,
  excludeOptions,
  extractOptions,
  extractProblems,
} from './otlp_config.ts'

export const configSchema = z.strictObject({
  auth_type: z.enum(AUTH_TYPES).optional(),
  kube_config_path: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  wait_for_metadata: z.boolean().default(false),
  wait_for_metadata_timeout: duration('10s'),
  wait_for_row: duration('2s'),
  pod_delete_grace_period: duration('120s'),
  connections_max: z.int().min(16).max(4_194_304).default(65_536),
  rows_waiting_max: z.int().min(0).default(10_000),
  filter: z
    .strictObject({
      node: z.string().min(1).optional(),
      node_from_env_var: z.string().min(1).optional(),
    })
    .default({}),
  /** The rest is for traces, metrics and logs; see otlp_config.ts. */
  extract: extractOptions,
  passthrough: z.boolean().default(false),
  pod_association: associationOptions,
  exclude: excludeOptions,
})

export type K8sAttributesConfig = z.infer<typeof configSchema>

export function validate(config: K8sAttributesConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const { node, node_from_env_var: variable } = config.filter
  if (node !== undefined && variable !== undefined) {
    const message = 'Cannot use filter::node and filter::node_from_env_var together'
    problems.push({ path: ['filter'], message })
  }
  if (variable !== undefined && !process.env[variable]) {
    problems.push({
      path: ['filter', 'node_from_env_var'],
      message: `\`node_from_env_var\` is configured but envvar "${variable}" is not set`,
    })
  }
  if (config.auth_type === 'none' && config.wait_for_metadata) {
    const message = 'Cannot wait for metadata with auth_type "none"'
    problems.push({ path: ['wait_for_metadata'], message })
  }
  problems.push(...extractProblems(config.extract), ...associationProblems(config))
  return problems
}

/** The node whose pods are watched, or undefined for all nodes. */
export function nodeOf(config: K8sAttributesConfig): string | undefined {
  const { node, node_from_env_var: variable } = config.filter
  return node ?? (variable === undefined ? undefined : process.env[variable])
}
