/**
 * What is wanted of Kubernetes objects besides what a join of flows needs, as `extract` says it: it
 * is read when an object arrives, and the rest of the object is not kept.
 */
import { containerId, type Json, list, longText, object, parts, text } from './objects.ts'
import type { ExtractConfig, FieldRule, From, Metadata } from './otlp_config.ts'

/** An attribute, ready to be set. */
export type Pair = readonly [key: string, value: string | readonly string[]]

export interface Container {
  readonly name: string
  /** Without `containerd://`; '' until it runs. */
  readonly id: string
  readonly imageName: string
  readonly imageTag: string
  readonly repoDigest: string
}

export interface PodDetail {
  readonly ip: string
  readonly hostname: string
  /** From rules for labels and annotations, and from OpenTelemetry's annotations. */
  readonly pairs: readonly Pair[]
  readonly containers: readonly Container[]
  readonly serviceNamespace: string
  readonly serviceVersion: string
  readonly serviceInstanceId: string
}

/** An annotation may have 256 KB; attributes of that size are nobody's wish. */
const VALUE_LENGTH_MAX = 4096
const CONTAINERS_MAX = 64
const OTEL_ANNOTATION = 'resource.opentelemetry.io/'

interface Rule {
  readonly from: string
  /** The attribute for a label's or annotation's key; undefined when the rule is not about it. */
  readonly tagOf: (key: string) => string | undefined
}

export class Extraction {
  readonly #metadata: ReadonlySet<string>
  readonly #labels: readonly Rule[]
  readonly #annotations: readonly Rule[]
  readonly #otelAnnotations: boolean

  constructor(config: ExtractConfig) {
    this.#metadata = new Set(config.metadata)
    this.#labels = config.labels.map((rule) => ruleOf(rule, 'labels'))
    this.#annotations = config.annotations.map((rule) => ruleOf(rule, 'annotations'))
    this.#otelAnnotations = config.otel_annotations
  }

  wants(name: Metadata): boolean {
    return this.#metadata.has(name)
  }

  /** Whether anything of nodes is wanted. */
  get wantsNodes(): boolean {
    const isNode = ({ from }: Rule) => from === 'node'
    return this.wants('k8s.node.uid') || [...this.#labels, ...this.#annotations].some(isNode)
  }

  /** What the rules for a kind of object make of its labels and annotations. */
  pairsOf(value: unknown, from: From): readonly Pair[] {
    const { metadata } = parts(value)
    const annotations = object(metadata.annotations)
    const pairs = [
      ...rulePairs(object(metadata.labels), this.#labels, from),
      ...rulePairs(annotations, this.#annotations, from),
    ]
    if (from !== 'pod' || !this.#otelAnnotations) return pairs
    for (const [key, one] of Object.entries(annotations)) {
      const name = key.startsWith(OTEL_ANNOTATION) ? key.slice(OTEL_ANNOTATION.length) : ''
      if (name !== '') pairs.push([name, longText(one, VALUE_LENGTH_MAX)])
    }
    return pairs
  }

  podDetailOf(value: unknown): PodDetail {
    const { metadata, spec, status } = parts(value)
    const labels = object(metadata.labels)
    const annotation = (name: string) =>
      text(object(metadata.annotations)[`${OTEL_ANNOTATION}${name}`])
    return {
      ip: text(status.podIP),
      hostname: text(spec.hostname) || text(metadata.name),
      pairs: this.pairsOf(value, 'pod'),
      containers: containersOf(spec, status),
      serviceNamespace: annotation('service.namespace'),
      serviceVersion: annotation('service.version') || text(labels['app.kubernetes.io/version']),
      serviceInstanceId: annotation('service.instance.id'),
    }
  }
}

function ruleOf({ tag_name, key, key_regex, from }: FieldRule, kind: string): Rule {
  const named = (name: string) => tag_name || `k8s.${from}.${kind}.${name}`
  if (key !== '') return { from, tagOf: (given) => (given === key ? named(key) : undefined) }
  const pattern = new RegExp(`^(?:${key_regex})$`)
  // Go writes ${1} where JavaScript writes $1.
  const template = tag_name.replaceAll(/\$\{(\d+)\}/g, '$$$1')
  return {
    from,
    tagOf: (given) => {
      if (!pattern.test(given)) return undefined
      return template.includes('$') ? given.replace(pattern, template) : named(given)
    },
  }
}

function rulePairs(fields: Json, rules: readonly Rule[], from: From): Pair[] {
  const pairs: Pair[] = []
  const wanted = rules.filter((rule) => rule.from === from)
  if (wanted.length === 0) return pairs
  for (const [key, value] of Object.entries(fields)) {
    for (const { tagOf } of wanted) {
      const tag = tagOf(key)
      if (tag !== undefined) pairs.push([tag, longText(value, VALUE_LENGTH_MAX)])
    }
  }
  return pairs
}

function containersOf(spec: Json, status: Json): readonly Container[] {
  const statuses = new Map(
    [...list(status.containerStatuses, CONTAINERS_MAX), ...list(status.initContainerStatuses, 64)]
      .map(object)
      .map((one) => [text(one.name), one]),
  )
  const all = [...list(spec.containers, CONTAINERS_MAX), ...list(spec.initContainers, 64)]
  return all.map(object).map((container) => {
    const name = text(container.name)
    const state = statuses.get(name)
    return {
      name,
      id: containerId(state?.containerID),
      ...imageOf(longText(container.image, 1024)),
      repoDigest: longText(state?.imageID, 1024).replace(/^[a-z-]+:\/\//, ''),
    }
  })
}

/** `registry:5000/name:tag@sha256:…`: the tag stands behind the last slash. */
function imageOf(image: string): { imageName: string; imageTag: string } {
  const [name = ''] = image.split('@', 1)
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1)
  if (colon < 0) return { imageName: name, imageTag: name === image ? 'latest' : '' }
  return { imageName: name.slice(0, colon), imageTag: name.slice(colon + 1) }
}
