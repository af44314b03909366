/** Options for traces, metrics and logs; names and rules are the Collector's. */
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'

/** What `extract::metadata` may name. */
export const METADATA = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.pod.start_time',
  'k8s.pod.hostname',
  'k8s.pod.ip',
  'k8s.deployment.name',
  'k8s.deployment.uid',
  'k8s.replicaset.name',
  'k8s.replicaset.uid',
  'k8s.daemonset.name',
  'k8s.daemonset.uid',
  'k8s.statefulset.name',
  'k8s.statefulset.uid',
  'k8s.job.name',
  'k8s.job.uid',
  'k8s.cronjob.name',
  'k8s.node.name',
  'k8s.node.uid',
  'k8s.cluster.uid',
  'k8s.container.name',
  'container.id',
  'container.image.name',
  'container.image.tag',
  'container.image.repo_digests',
  'service.name',
  'service.namespace',
  'service.version',
  'service.instance.id',
] as const

export type Metadata = (typeof METADATA)[number]

const METADATA_DEFAULT: Metadata[] = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.pod.start_time',
  'k8s.deployment.name',
  'k8s.node.name',
  'container.image.name',
  'container.image.tag',
]

const FROM = ['pod', 'namespace', 'node'] as const
export type From = (typeof FROM)[number]

const fieldRule = z.strictObject({
  tag_name: z.string().default(''),
  key: z.string().default(''),
  key_regex: z.string().default(''),
  from: z.string().default('pod'),
})

export type FieldRule = z.infer<typeof fieldRule>

const extract = z.strictObject({
  metadata: z.array(z.string()).default(METADATA_DEFAULT),
  labels: z.array(fieldRule).default([]),
  annotations: z.array(fieldRule).default([]),
  otel_annotations: z.boolean().default(false),
  well_known_labels: z.boolean().default(false),
  deployment_name_from_replicaset: z.boolean().default(false),
})

export type ExtractConfig = z.infer<typeof extract>

export const extractOptions = extract.prefault({})

const source = z.strictObject({
  from: z.enum(['connection', 'resource_attribute']),
  name: z.string().default(''),
})

export type AssociationSource = z.infer<typeof source>

export const associationOptions = z
  .array(z.strictObject({ sources: z.array(source).min(1) }))
  .default([])

export const excludeOptions = z
  .strictObject({ pods: z.array(z.strictObject({ name: z.string().min(1) })) })
  .default({ pods: [{ name: 'jaeger-agent' }, { name: 'jaeger-collector' }] })

const SOURCES_MAX = 4
/** Attributes by which a pod can be found, or told from others. */
const FINDING = ['k8s.pod.ip', 'ip', 'host.name', 'k8s.pod.uid', 'k8s.pod.name', 'container.id']
const TELLING = ['k8s.namespace.name', 'k8s.node.name', 'k8s.pod.hostname']

export function extractProblems(config: ExtractConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [i, name] of config.metadata.entries()) {
    if ((METADATA as readonly string[]).includes(name)) continue
    const message = `"${name}" is not a supported metadata field`
    problems.push({ path: ['extract', 'metadata', String(i)], message })
  }
  for (const kind of ['labels', 'annotations'] as const) {
    for (const [i, rule] of config[kind].entries()) {
      const path = ['extract', kind, String(i)]
      problems.push(...ruleProblems(rule).map((message) => ({ path, message })))
    }
  }
  return problems
}

function* ruleProblems({ key, key_regex, from }: FieldRule): Generator<string> {
  if ((key === '') === (key_regex === '')) {
    yield 'Out of Key or KeyRegex only one option is expected to be configured at a time, ' +
      `currently Key:${key} and KeyRegex:${key_regex}`
  }
  if (!(FROM as readonly string[]).includes(from)) {
    yield `${from} is not a valid choice for From. Must be one of: ${FROM.join(', ')}`
  }
  const wrong = key_regex === '' ? undefined : regexProblem(key_regex)
  if (wrong !== undefined) yield wrong
}

export function associationProblems(config: {
  readonly pod_association: z.infer<typeof associationOptions>
  readonly exclude: z.infer<typeof excludeOptions>
}): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [i, { sources }] of config.pod_association.entries()) {
    const path = ['pod_association', String(i)]
    if (sources.length > SOURCES_MAX) {
      const message = `too many association sources. limit is ${SOURCES_MAX}`
      problems.push({ path, message })
    }
    const finds = ({ from, name }: AssociationSource) =>
      from === 'connection' || FINDING.includes(name)
    const unknown = sources.find((one) => !finds(one) && !TELLING.includes(one.name))
    if (unknown !== undefined) {
      const names = [...FINDING, ...TELLING].join(', ')
      const message = `cannot associate by "${unknown.name}"; there are ${names}`
      problems.push({ path, message })
    } else if (!sources.some(finds)) {
      const message = `no pod can be found without the connection or one of ${FINDING.join(', ')}`
      problems.push({ path, message })
    }
  }
  for (const [i, { name }] of config.exclude.pods.entries()) {
    const message = regexProblem(name)
    if (message === undefined) continue
    problems.push({ path: ['exclude', 'pods', String(i), 'name'], message })
  }
  return problems
}

function regexProblem(text: string): string | undefined {
  try {
    new RegExp(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
