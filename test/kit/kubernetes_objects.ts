/**
 * Kubernetes objects as their controllers would write them, minimal: a Deployment makes no
 * ReplicaSet here, a ReplicaSet no pod, a Service no EndpointSlice; each is created by the test.
 */

import type { Kubernetes } from './kubernetes.ts'
import type {
  EndpointSliceSettings,
  Head,
  KubernetesObject,
  KubernetesPod,
  KubernetesService,
  Metadata,
  NodeSettings,
  ObjectName,
  OwnerReference,
  PodSettings,
  PodSpec,
  PodStatus,
  PodStatusSettings,
  ServiceSettings,
} from './kubernetes_types.ts'

export type * from './kubernetes_types.ts'

const MERGE = 'application/merge-patch+json'

export function createNamespace(cluster: Kubernetes, head: Head): Promise<KubernetesObject> {
  return createObject(cluster, { apiVersion: 'v1', kind: 'Namespace', ...metadata(head) })
}

/** Creates a Node with its addresses in its status, as its kubelet would report them. */
export async function createNode(
  cluster: Kubernetes,
  { addresses = [], zone, ...head }: NodeSettings,
): Promise<KubernetesObject> {
  const labels = {
    'kubernetes.io/hostname': head.name,
    ...(zone !== undefined && { 'topology.kubernetes.io/zone': zone }),
    ...head.labels,
  }
  const object = { apiVersion: 'v1', kind: 'Node', ...metadata({ ...head, labels }) }
  const node = await createObject(cluster, object)
  const internal = addresses.map((address) => ({ type: 'InternalIP', address }))
  return patchStatus(cluster, node, { addresses: internal })
}

export function createDeployment(cluster: Kubernetes, head: Head): Promise<KubernetesObject> {
  return createWorkload(cluster, 'Deployment', head)
}

export function createReplicaSet(cluster: Kubernetes, head: Head): Promise<KubernetesObject> {
  return createWorkload(cluster, 'ReplicaSet', head)
}

/** A workload of `apps/v1` whose pods have the label `app`. */
function createWorkload(
  cluster: Kubernetes,
  kind: 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet',
  head: Head,
): Promise<KubernetesObject> {
  const labels = { app: head.name }
  const template = { metadata: { labels }, spec: { containers: containers(['main']) } }
  const spec = { selector: { matchLabels: labels }, template }
  return createObject(cluster, { apiVersion: 'apps/v1', kind, ...metadata(namespaced(head)), spec })
}

/** Creates a Pod; with `podIPs` or a `phase` it gets a status, as its kubelet would set it. */
export async function createPod(
  cluster: Kubernetes,
  settings: PodSettings,
): Promise<KubernetesPod> {
  const { nodeName, hostNetwork, phase, podIPs, hostIP, startTime, ...head } = settings
  const spec = {
    ...(nodeName !== undefined && { nodeName }),
    ...(hostNetwork !== undefined && { hostNetwork }),
    containers: containers(settings.containers ?? ['main']),
  }
  const object = { apiVersion: 'v1', kind: 'Pod', ...metadata(namespaced(head)), spec }
  const pod = await createObject<PodSpec, PodStatus>(cluster, object)
  if (podIPs === undefined && phase === undefined) return pod
  return setPodStatus(cluster, pod, settings)
}

/** Sets a pod's status; addresses that are left out stay what they were. */
export function setPodStatus(
  cluster: Kubernetes,
  pod: ObjectName,
  status: PodStatusSettings,
): Promise<KubernetesPod> {
  const { phase = 'Running', podIPs, hostIP, startTime = new Date().toISOString() } = status
  const containerStatuses = status.containerStatuses?.map((one) => ({
    ...{ image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
    ...one,
  }))
  return patchStatus(cluster, pod, {
    phase,
    startTime: startTime.replace(/\.\d+Z$/, 'Z'),
    ...(podIPs !== undefined && { podIP: podIPs[0] ?? null, podIPs: podIPs.map((ip) => ({ ip })) }),
    ...(hostIP !== undefined && { hostIP, hostIPs: [{ ip: hostIP }] }),
    ...(containerStatuses && { containerStatuses }),
  })
}

export function createService(
  cluster: Kubernetes,
  { clusterIPs, ports, selector, ...head }: ServiceSettings,
): Promise<KubernetesService> {
  const addresses = clusterIPs !== undefined && {
    clusterIP: clusterIPs[0],
    clusterIPs,
    ...(clusterIPs[0] !== 'None' && { ipFamilies: clusterIPs.map(family) }),
    ipFamilyPolicy: clusterIPs.length > 1 ? 'RequireDualStack' : 'SingleStack',
  }
  const spec = { ...addresses, ports, ...(selector && { selector }) }
  const object = { apiVersion: 'v1', kind: 'Service', ...metadata(namespaced(head)), spec }
  return createObject(cluster, object)
}

export function createEndpointSlice(
  cluster: Kubernetes,
  { service, endpoints, ports, ...head }: EndpointSliceSettings,
): Promise<KubernetesObject> {
  const labels = { 'kubernetes.io/service-name': service, ...head.labels }
  return createObject(cluster, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    ...metadata(namespaced({ ...head, labels })),
    addressType: family(endpoints[0]?.address ?? ''),
    endpoints: endpoints.map(({ address, pod, ready = true, ...place }) => ({
      addresses: [address],
      conditions: { ready },
      ...place,
      ...(pod && { targetRef: reference(pod) }),
    })),
    ports,
  })
}

/** Creates any object. */
export function createObject<Spec, Status>(
  cluster: Kubernetes,
  object: ObjectName & Readonly<Record<string, unknown>>,
): Promise<KubernetesObject<Spec, Status>> {
  return cluster.request('POST', collectionPath(object), { body: object })
}

export function getObject<T extends ObjectName>(cluster: Kubernetes, object: T): Promise<T> {
  return cluster.request('GET', objectPath(object))
}

/** Changes an object by a merge patch: null removes a key, a list replaces a list. */
export function patchObject<T extends ObjectName>(
  cluster: Kubernetes,
  object: T,
  patch: unknown,
): Promise<T> {
  return cluster.request('PATCH', objectPath(object), { body: patch, contentType: MERGE })
}

/**
 * Deletes an object, at once by default. A pod with a node that is given some seconds stays, with
 * a deletionTimestamp, until it is deleted again: no kubelet is there to end it.
 */
export async function deleteObject(
  cluster: Kubernetes,
  object: ObjectName,
  { graceSeconds = 0 }: { readonly graceSeconds?: number } = {},
): Promise<void> {
  const body = { gracePeriodSeconds: graceSeconds, propagationPolicy: 'Background' }
  await cluster.request('DELETE', objectPath(object), { body })
}

/** The path of an object's kind, in its namespace when it has one. */
function collectionPath({ apiVersion, kind, metadata }: ObjectName): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const place = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${group}${place}/${kind.toLowerCase()}s`
}

function objectPath(object: ObjectName): string {
  return `${collectionPath(object)}/${object.metadata.name}`
}

function patchStatus<T>(cluster: Kubernetes, object: ObjectName, status: unknown): Promise<T> {
  const path = `${objectPath(object)}/status`
  return cluster.request('PATCH', path, { body: { status }, contentType: MERGE })
}

function namespaced<T extends Head>(head: T): T & { readonly namespace: string } {
  return { ...head, namespace: head.namespace ?? 'default' }
}

function metadata(head: Head): { metadata: Pick<Metadata, 'name' | 'namespace'> } {
  const { name, namespace, labels, annotations, owner } = head
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(owner && { ownerReferences: [ownerReference(owner)] }),
    },
  }
}

function ownerReference(owner: KubernetesObject | OwnerReference): OwnerReference {
  if (!('metadata' in owner)) return owner
  const { apiVersion, kind } = owner
  const { name, uid } = owner.metadata
  return { apiVersion, kind, name, uid, controller: true }
}

function reference({ kind, metadata: { name, namespace, uid } }: KubernetesObject): unknown {
  return { kind, name, namespace, uid }
}

function containers(names: readonly string[]): PodSpec['containers'] {
  return names.map((name) => ({ name, image: 'example/app:1' }))
}

function family(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}
