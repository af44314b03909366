/**
 * Kubernetes objects, stripped to what a join needs before anything is kept.
 *
 * A Pod is 5–20 KB of JSON and here about 0.5 KB. The API server's answers come from outside, so
 * nothing about their shape is taken for granted: each reader gives undefined for an object it
 * cannot use, and every list and text has a bound.
 */

/** Kubernetes names are at most 253 characters (RFC 1123 subdomain). */
const NAME_LENGTH_MAX = 253
const ADDRESSES_MAX = 16
const PORTS_MAX = 256
const CONTAINERS_MAX = 512
const IMAGE_LENGTH_MAX = 1024
const CONTAINERS = ['containers', 'initContainers', 'ephemeralContainers'] as const
const STATUSES = [
  'containerStatuses',
  'initContainerStatuses',
  'ephemeralContainerStatuses',
] as const
/** As Kubernetes writes the names of TRANSPORTS. */
const TRANSPORTS_OF_PORTS = ['TCP', 'UDP']
/** EndpointSlices hold at most 1000 endpoints (discovery.k8s.io/v1). */
const ENDPOINTS_MAX = 1000

/**
 * Times are truncated to the second: all of the second in which a pod ended is still its own.
 * @see https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#time-v1-meta
 */
const TIME_RESOLUTION_MS = 1000

export interface Owner {
  readonly kind: string
  readonly name: string
  readonly uid: string
}

export interface PodObject {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly node: string
  readonly addresses: readonly string[]
  readonly hostNetwork: boolean
  /** Unix ms: `status.startTime`, else the creation; undefined when neither can be read. */
  readonly startMs: number | undefined
  /** All containers have ended for good, although the object, and its podIP, are still there. */
  readonly ended: boolean
  /** Unix ms at which the last container finished; undefined when no status says it. */
  readonly finishedMs: number | undefined
  /** Unix ms until which the kubelet may take to end the pod, once deletion was asked for. */
  readonly deletionMs: number | undefined
  readonly owner: Owner | undefined
  readonly templateHash: string
  /** The uid by which the node's kubelet knows it, where that is another: of a static pod. */
  readonly staticUid: string
  /** Those that have been started. */
  readonly containers: readonly ContainerObject[]
  /** Ports of the node that lead to this pod; of one on the host's network, its own. */
  readonly hostPorts: readonly HostPort[]
  /** Annotation resource.opentelemetry.io/service.name. */
  readonly annotatedName: string
  /** Labels app.kubernetes.io/instance, else app.kubernetes.io/name. */
  readonly labelledName: string
}

export interface ContainerObject {
  /** Without `containerd://`. */
  readonly id: string
  readonly name: string
  /** Name and tag, as the pod asks for it. */
  readonly image: string
}

export interface HostPort {
  /** See `portKey`. */
  readonly key: number
  /** The only address on which it is; '': on all. */
  readonly address: string
}

export interface ReplicaSetObject {
  readonly uid: string
  readonly owner: Owner | undefined
}

export interface NodeObject {
  readonly uid: string
  readonly name: string
  readonly zone: string
  readonly addresses: readonly string[]
}

export interface NamespaceObject {
  readonly uid: string
  readonly name: string
}

export interface ServiceObject {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** ClusterIPs. */
  readonly addresses: readonly string[]
  readonly externalAddresses: readonly string[]
  readonly balancerAddresses: readonly string[]
  /** See `portKey`. */
  readonly ports: readonly number[]
  readonly nodePorts: readonly number[]
}

export interface EndpointSliceObject {
  readonly uid: string
  readonly namespace: string
  readonly service: string
  /** For each endpoint what names its pod: uid, else `namespace/name`, else its address. */
  readonly pods: readonly string[]
  /** Addresses of endpoints that are no pods, and their ports; see `portKey`. */
  readonly others: readonly string[]
  readonly ports: readonly number[]
}

/** A port and what is spoken on it in one number: TCP's are the ports themselves. */
export function portKey(port: number, transport: number): number {
  return transport * 65_536 + port
}

export type Json = Readonly<Record<string, unknown>>

export function podOf(value: unknown): PodObject | undefined {
  const { metadata, spec, status } = parts(value)
  const uid = text(metadata.uid)
  if (uid === '') return undefined
  const labels = object(metadata.labels)
  const phase = status.phase
  const containers = list(status.containerStatuses, 512).map((c) => terminated(object(c)))
  const allEnded = containers.length > 0 && containers.every((c) => c !== undefined)
  const deletionMs = time(metadata.deletionTimestamp)
  return {
    uid,
    name: text(metadata.name),
    namespace: text(metadata.namespace),
    node: text(spec.nodeName),
    addresses: podAddresses(status),
    hostNetwork: spec.hostNetwork === true,
    startMs: time(status.startTime) ?? time(metadata.creationTimestamp),
    ended: phase === 'Succeeded' || phase === 'Failed' || (deletionMs !== undefined && allEnded),
    finishedMs: allEnded ? latest(containers) : undefined,
    deletionMs: deletionMs === undefined ? undefined : deletionMs + TIME_RESOLUTION_MS,
    owner: controllerOf(metadata),
    templateHash: text(labels['pod-template-hash']),
    staticUid: staticUidOf(metadata),
    containers: containersOf(spec, status),
    hostPorts: hostPortsOf(spec),
    annotatedName: text(object(metadata.annotations)['resource.opentelemetry.io/service.name']),
    labelledName:
      text(labels['app.kubernetes.io/instance']) || text(labels['app.kubernetes.io/name']),
  }
}

export function replicaSetOf(value: unknown): ReplicaSetObject | undefined {
  const { metadata } = parts(value)
  const uid = text(metadata.uid)
  return uid === '' ? undefined : { uid, owner: controllerOf(metadata) }
}

export function nodeOf(value: unknown): NodeObject | undefined {
  const { metadata, status } = parts(value)
  const uid = text(metadata.uid)
  if (uid === '') return undefined
  return {
    uid,
    name: text(metadata.name),
    zone: text(object(metadata.labels)['topology.kubernetes.io/zone']),
    addresses: list(status.addresses, ADDRESSES_MAX)
      .map(object)
      .filter((a) => a.type === 'InternalIP' || a.type === 'ExternalIP')
      .map((a) => text(a.address)),
  }
}

export function namespaceOf(value: unknown): NamespaceObject | undefined {
  const { metadata } = parts(value)
  const uid = text(metadata.uid)
  return uid === '' ? undefined : { uid, name: text(metadata.name) }
}

export function serviceOf(value: unknown): ServiceObject | undefined {
  const { metadata, spec, status } = parts(value)
  const uid = text(metadata.uid)
  if (uid === '') return undefined
  const ports = list(spec.ports, PORTS_MAX).map(object)
  const balancers = list(object(status.loadBalancer).ingress, ADDRESSES_MAX).map(object)
  const clusterIps = [text(spec.clusterIP), ...list(spec.clusterIPs, ADDRESSES_MAX).map(text)]
  return {
    uid,
    name: text(metadata.name),
    namespace: text(metadata.namespace),
    addresses: [...new Set(clusterIps)].filter((a) => a !== '' && a !== 'None'),
    externalAddresses: list(spec.externalIPs, ADDRESSES_MAX).map(text),
    balancerAddresses: balancers.map((b) => text(b.ip)).filter((a) => a !== ''),
    ports: ports.flatMap((p) => portKeyOf(p.port, p.protocol)),
    nodePorts: ports.flatMap((p) => portKeyOf(p.nodePort, p.protocol)),
  }
}

export function endpointSliceOf(value: unknown): EndpointSliceObject | undefined {
  const root = object(value)
  const metadata = object(root.metadata)
  const uid = text(metadata.uid)
  const service = text(object(metadata.labels)['kubernetes.io/service-name'])
  if (uid === '' || service === '') return undefined
  const namespace = text(metadata.namespace)
  const endpoints = list(root.endpoints, ENDPOINTS_MAX).map(object)
  const others = endpoints.filter((e) => object(e.targetRef).kind !== 'Pod')
  const ports = list(root.ports, PORTS_MAX).map(object)
  return {
    uid,
    namespace,
    service,
    pods: endpoints.map((e) => podKeyOf(e, namespace)).filter((key) => key !== ''),
    others: others.flatMap((e) => list(e.addresses, ADDRESSES_MAX).map(text)),
    ports: ports.flatMap((p) => portKeyOf(p.port, p.protocol)),
  }
}

function podKeyOf(endpoint: Json, namespace: string): string {
  const target = object(endpoint.targetRef)
  if (target.kind === 'Pod') {
    const uid = text(target.uid)
    if (uid !== '') return uid
    if (text(target.name) !== '')
      return `${text(target.namespace) || namespace}/${text(target.name)}`
  }
  return text(list(endpoint.addresses, 1)[0])
}

function podAddresses(status: Json): readonly string[] {
  const all = list(status.podIPs, ADDRESSES_MAX).map((a) => text(object(a).ip))
  return [...new Set([text(status.podIP), ...all])].filter((a) => a !== '')
}

/**
 * A kubelet runs static pods by a uid that it makes itself, a hash, and shows a mirror of each to
 * the API server, with an owner of kind Node, whose uid is another.
 */
function staticUidOf(metadata: Json): string {
  const owners = list(metadata.ownerReferences, 64).map(object)
  const uid = text(object(metadata.annotations)['kubernetes.io/config.mirror'])
  return owners.some(({ kind }) => kind === 'Node') ? uid : ''
}

function containersOf(spec: Json, status: Json): readonly ContainerObject[] {
  const images = new Map(
    CONTAINERS.flatMap((name) => list(spec[name], CONTAINERS_MAX))
      .map(object)
      .map((one) => [text(one.name), longText(one.image, IMAGE_LENGTH_MAX)]),
  )
  return STATUSES.flatMap((name) => list(status[name], CONTAINERS_MAX))
    .map(object)
    .map((one) => {
      const name = text(one.name)
      return { id: containerId(one.containerID), name, image: images.get(name) ?? '' }
    })
    .filter(({ id }) => id !== '')
}

/** `containerd://…`, by the runtime's name. */
export function containerId(value: unknown): string {
  return text(value).replace(/^[a-z-]+:\/\//, '')
}

function hostPortsOf(spec: Json): readonly HostPort[] {
  const containers = [...list(spec.containers, CONTAINERS_MAX), ...list(spec.initContainers, 64)]
  const ports = containers.flatMap((one) => list(object(one).ports, PORTS_MAX)).map(object)
  return ports.flatMap((p) =>
    portKeyOf(p.hostPort, p.protocol).map((key) => ({ key, address: hostAddress(p.hostIP) })),
  )
}

function hostAddress(value: unknown): string {
  const address = text(value)
  return address === '0.0.0.0' || address === '::' ? '' : address
}

/** None for what rows do not have: SCTP, or no port. */
function portKeyOf(number: unknown, protocol: unknown): readonly number[] {
  const transport = TRANSPORTS_OF_PORTS.indexOf(protocol === undefined ? 'TCP' : text(protocol))
  const known = port(number)
  return transport < 0 || known === 0 ? [] : [portKey(known, transport)]
}

/** Unix ms at which a container ended; undefined while it runs, waits or will be started again. */
function terminated(container: Json): number | undefined {
  const state = object(object(container.state).terminated)
  const finished = time(state.finishedAt)
  return finished === undefined ? undefined : finished + TIME_RESOLUTION_MS
}

function latest(times: readonly (number | undefined)[]): number {
  return Math.max(...times.map((t) => t ?? 0))
}

/** The owner that manages the object. A mirror pod's "owner" is its Node: not a workload. */
function controllerOf(metadata: Json): Owner | undefined {
  const owners = list(metadata.ownerReferences, 64).map(object)
  const owner = owners.find((o) => o.controller === true)
  if (owner === undefined || owner.kind === 'Node') return undefined
  return { kind: text(owner.kind), name: text(owner.name), uid: text(owner.uid) }
}

export function parts(value: unknown): { metadata: Json; spec: Json; status: Json } {
  const root = object(value)
  return {
    metadata: object(root.metadata),
    spec: object(root.spec),
    status: object(root.status),
  }
}

const NOTHING: Json = Object.freeze({})

export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : NOTHING
}

export function list(value: unknown, max: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, max) : []
}

export function text(value: unknown): string {
  return longText(value, NAME_LENGTH_MAX)
}

/** The text, or so much of its beginning. */
export function longText(value: unknown, lengthMax: number): string {
  if (typeof value !== 'string') return ''
  // A slice would keep the whole text alive; an annotation may have 256 KB.
  return value.length <= lengthMax ? value : Buffer.from(value.slice(0, lengthMax)).toString()
}

function port(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value < 65_536 ? value : 0
}

function time(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}
