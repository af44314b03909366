/** What is known of a pod, a container, a namespace, a node, as attributes in wire format. */
import { encodeAttribute } from '../../pipeline/otlp/attributes.ts'
import { LEN, tag, WireWriter } from '../../pipeline/otlp/wire.ts'
import type { Catalog, CatalogPod, Place } from './catalog.ts'
import type { Container, Pair } from './extraction.ts'
import type { Metadata } from './otlp_config.ts'

/** An attribute as a field of a resource: tag, length and KeyValue. */
export interface Attribute {
  readonly key: string
  readonly field: Uint8Array
}

const ATTRIBUTES = tag(1, LEN)

export function attributeOf(key: string, value: string | readonly string[]): Attribute {
  const wire = new WireWriter(256)
  const start = wire.open(ATTRIBUTES, 1)
  if (typeof value === 'string') wire.raw(encodeAttribute(key, value))
  else writeList(wire, key, value)
  wire.close(start, 1)
  return { key, field: wire.take() }
}

/** `KeyValue { key = 1; value = 2 { array_value = 5 { repeated AnyValue values = 1 } } }` */
function writeList(wire: WireWriter, key: string, values: readonly string[]): void {
  wire.string(tag(1, LEN), key)
  const any = wire.open(tag(2, LEN), 1)
  const array = wire.open(tag(5, LEN), 1)
  for (const value of values) {
    const item = wire.open(tag(1, LEN), 1)
    wire.string(tag(1, LEN), value)
    wire.close(item, 1)
  }
  wire.close(array, 1)
  wire.close(any, 1)
}

/** Made once for each pod and container, until something that they depend on changes. */
export function podAttributes(
  catalog: Catalog,
  pod: CatalogPod,
  container: Container | undefined,
): readonly Attribute[] {
  const { epoch } = catalog.cluster
  if (pod.encodedEpoch !== epoch) pod.encoded.clear()
  pod.encodedEpoch = epoch
  const key = container?.name ?? ''
  let made = pod.encoded.get(key) as readonly Attribute[] | undefined
  if (made === undefined) {
    made = encoded([...podPairs(catalog, pod), ...containerPairs(catalog, pod, container)])
    pod.encoded.set(key, made)
  }
  return made
}

export function placeAttributes(place: Place): readonly Attribute[] {
  place.encoded ??= encoded(place.pairs)
  return place.encoded as readonly Attribute[]
}

/** The container that a resource is about: named, else by its id, else the only one. */
export function containerOf(
  { detail: { containers } }: CatalogPod,
  { name, id }: { name: string; id: string },
): Container | undefined {
  if (name !== '') return containers.find((container) => container.name === name)
  if (id !== '') return containers.find((container) => container.id === id)
  return containers.length === 1 ? containers[0] : undefined
}

/** Of a key that is there twice the first counts. */
function encoded(pairs: readonly Pair[]): readonly Attribute[] {
  const unique = new Map<string, Pair[1]>()
  for (const [key, value] of pairs) if (value.length > 0 && !unique.has(key)) unique.set(key, value)
  return [...unique].map(([key, value]) => attributeOf(key, value))
}

function* podPairs(catalog: Catalog, pod: CatalogPod): Generator<Pair> {
  const { cluster, extraction } = catalog
  const { object, detail } = pod
  const values: Partial<Record<Metadata, string>> = {
    'k8s.namespace.name': object.namespace,
    'k8s.pod.name': object.name,
    'k8s.pod.uid': object.uid,
    'k8s.pod.start_time': timeText(object.startMs),
    'k8s.pod.hostname': detail.hostname,
    'k8s.pod.ip': detail.ip,
    'k8s.node.name': object.node,
    'k8s.node.uid': catalog.node(object.node)?.uid ?? '',
    'k8s.cluster.uid': cluster.uid ?? '',
    ...ownerPairs(catalog, pod),
  }
  // OpenTelemetry's annotations and the rules of the user come before what follows from the rest.
  yield* detail.pairs
  for (const [key, value] of Object.entries(values)) {
    if (extraction.wants(key as Metadata)) yield [key, value]
  }
  if (extraction.wants('service.name')) yield ['service.name', cluster.serviceName(object)]
  if (extraction.wants('service.namespace')) {
    yield ['service.namespace', detail.serviceNamespace || object.namespace]
  }
}

function ownerPairs({ cluster }: Catalog, { object }: CatalogPod) {
  const { owner } = object
  if (owner === undefined) return {}
  const kind = owner.kind.toLowerCase()
  const own = { [`k8s.${kind}.name`]: owner.name, [`k8s.${kind}.uid`]: owner.uid }
  // The controller names a CronJob's jobs so: its own name, and minutes since the epoch.
  if (kind === 'job')
    return { ...own, 'k8s.cronjob.name': /^(.*)-\d+$/.exec(owner.name)?.[1] ?? '' }
  if (kind !== 'replicaset') return own
  const above = cluster.ownerOfReplicaSet(object)
  if (above.kind !== 'Deployment') return own
  return { ...own, 'k8s.deployment.name': above.name, 'k8s.deployment.uid': above.uid }
}

function* containerPairs(
  { extraction }: Catalog,
  { object, detail }: CatalogPod,
  container: Container | undefined,
): Generator<Pair> {
  const { name = '', id = '', imageName = '', imageTag = '', repoDigest = '' } = container ?? {}
  const instance = name === '' ? '' : `${object.namespace}.${object.name}.${name}`
  const values: Partial<Record<Metadata, string>> = {
    'k8s.container.name': name,
    'container.id': id,
    'container.image.name': imageName,
    'container.image.tag': imageTag,
    'service.version': detail.serviceVersion || imageTag,
    'service.instance.id': detail.serviceInstanceId || instance,
  }
  for (const [key, value] of Object.entries(values)) {
    if (extraction.wants(key as Metadata)) yield [key, value]
  }
  if (extraction.wants('container.image.repo_digests') && repoDigest.includes('@')) {
    yield ['container.image.repo_digests', [repoDigest]]
  }
}

/** RFC 3339, in seconds as Kubernetes has them. */
function timeText(ms: number | undefined): string {
  return ms === undefined ? '' : new Date(ms).toISOString().replace('.000Z', 'Z')
}
