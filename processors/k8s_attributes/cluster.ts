/**
 * What is known of the cluster, and the answer to "who is this address, at this time?".
 *
 * Fed by the watches (watch.ts), asked by the join (join.ts), in one thread: every answer is taken
 * from memory. Ends are made when first asked for and kept with the pod; what many ends depend on
 * (ReplicaSets, nodes) is versioned by one epoch, which makes all of them stale at once.
 */
import { isDeepStrictEqual } from 'node:util'
import { AddressMap, parseAddress } from './addresses.ts'
import { End, type EndNames } from './end.ts'
import type {
  EndpointSliceObject,
  NamespaceObject,
  NodeObject,
  Owner,
  PodObject,
  ReplicaSetObject,
  ServiceObject,
} from './objects.ts'
import { PodIndex } from './pod_index.ts'
import { type Pod, Pods } from './pods.ts'
import { type Reached, type Service, Services } from './services.ts'
import { uidBytes } from './uid_bytes.ts'

export interface ClusterSettings {
  readonly podDeleteGraceMs: number
  /** Whether labels may name the service (see config.ts, `extract.well_known_labels`). */
  readonly wellKnownLabels: boolean
  /** Told of a pod's addresses, and of its uids as `uidBytes`, when they become known. */
  readonly onAddress?: (address: Uint8Array) => void
  readonly now?: () => number
}

export interface Node {
  readonly object: NodeObject
  readonly end: End
}

/** Members of a Service that are looked at to find a name that they share. */
const MEMBERS_MAX = 100

export class Cluster {
  readonly pods: Pods
  readonly index: PodIndex
  readonly services: Services
  readonly #onAddress: ClusterSettings['onAddress']
  readonly #replicaSets = new Map<string, Owner>()
  readonly #nodes = new Map<string, Node>()
  readonly #nodesByAddress = new AddressMap<Node>()
  readonly #nodesByName = new Map<string, Node>()
  readonly #zones = new Map<string, string>()
  readonly #namespaces = new Map<string, string>()
  readonly #wellKnownLabels: boolean
  #epoch = 1

  constructor(settings: ClusterSettings) {
    const { podDeleteGraceMs: graceMs, onAddress, now = Date.now } = settings
    this.#wellKnownLabels = settings.wellKnownLabels
    this.#onAddress = onAddress
    this.pods = new Pods({ graceMs, now, ...(onAddress && { onAddress }) })
    this.index = new PodIndex({ graceMs, now })
    this.services = new Services(now)
  }

  /** The uid of the namespace kube-system, which stands for the cluster's (k8s.cluster.uid). */
  get uid(): string | undefined {
    for (const [uid, name] of this.#namespaces) if (name === 'kube-system') return uid
    return undefined
  }

  /** Changes when ends, owners or zones that were answered before may be others now. */
  get epoch(): number {
    return this.#epoch
  }

  /** What manages the pod's ReplicaSet, as far as it is known: a Deployment as a rule. */
  ownerOfReplicaSet(pod: PodObject): Pick<Owner, 'kind' | 'name'> & { uid: string } {
    const { kind, name } = this.#workloadOf(pod)
    return { kind, name, uid: this.#replicaSets.get(pod.owner?.uid ?? '')?.uid ?? '' }
  }

  serviceName(pod: PodObject): string {
    return this.#serviceNameOf(pod, this.#workloadOf(pod).name)
  }

  node(bytes: Uint8Array, at: number): Node | undefined {
    return this.#nodesByAddress.get(bytes, at)
  }

  nodeNamed(name: string): Node | undefined {
    return this.#nodesByName.get(name)
  }

  /** The Service that was addressed: by an address of its own, or a node's and a node port. */
  service(bytes: Uint8Array, at: number, key: number): Reached | undefined {
    const reached = this.services.at(bytes, at, key)
    if (reached !== undefined) return reached
    const byNodePort = this.services.atNodePort(key)
    if (byNodePort === undefined) return undefined
    return this.#nodesByAddress.get(bytes, at) === undefined ? undefined : byNodePort
  }

  /** The one pod that a port of a node's address leads to. */
  atHostPort(
    node: Node,
    key: number,
    of: { address: Uint8Array; timeMs: number },
  ): End | undefined {
    const pod = this.index.atHostPort(node.object.name, key, of)
    return pod && this.endOfPod(pod)
  }

  /** The only pod behind a Service, if it has been that since before a time in Unix ms. */
  onlyPodOf(service: Service, timeMs: number): End | undefined {
    const key = this.services.onlyPodOf(service, timeMs)
    const pod = key === undefined ? undefined : this.pods.get(key)
    return pod && this.endOfPod(pod)
  }

  endOfPod(pod: Pod): End {
    if (pod.end === undefined || pod.endEpoch !== this.#epoch) {
      pod.end = new End(this.#namesOf(pod.object))
      pod.endEpoch = this.#epoch
      pod.containerEnds.clear()
    }
    return pod.end
  }

  /** The pod's, with its container where the pod's status has it. */
  endOfContainer(pod: Pod, containerId: string): End {
    const whole = this.endOfPod(pod)
    const known = pod.containerEnds.get(containerId)
    if (known !== undefined) return known
    const found = this.index.container(containerId)
    if (found?.pod !== pod) return whole
    const { name, image } = found.container
    const end = new End({ ...whole.names, k8s_container: name, container_image: image })
    pod.containerEnds.set(containerId, end)
    return end
  }

  /**
   * The end of a row of which only the addressed Service is known: which of its pods answered is
   * not, so no pod is named; the service name is the pods' where all of them share one.
   */
  endOfService(service: Service): End {
    if (service.end === undefined || service.endEpoch !== this.#epoch) {
      service.end = new End({
        service_name: this.#nameShared(service) ?? service.object.name,
        k8s_namespace: service.object.namespace,
        k8s_service: service.object.name,
      })
      service.endEpoch = this.#epoch
    }
    return service.end
  }

  upsertPod(object: PodObject): void {
    const before = this.pods.get(object.uid)?.object
    const pod = this.pods.upsert(object)
    if (pod === undefined) return
    this.index.upsert(pod, before)
    if (before !== undefined) return
    this.#touchServicesOf(object)
    for (const uid of [object.uid, object.staticUid]) {
      const bytes = uidBytes(uid)
      if (bytes !== undefined) this.#onAddress?.(bytes)
    }
  }

  removePod(uid: string, object?: PodObject): void {
    const pod = this.pods.get(uid)
    this.pods.remove(uid, object)
    if (pod !== undefined) this.index.remove(pod)
  }

  /** Forgets what has ended longer ago than the grace period. */
  sweep(): void {
    this.pods.sweep()
    this.index.sweep()
  }

  upsertReplicaSet({ uid, owner }: ReplicaSetObject): void {
    if (owner === undefined || this.#replicaSets.get(uid)?.uid === owner.uid) return
    this.#replicaSets.set(uid, owner)
    this.#epoch++
  }

  /** Its pods may outlive it by a moment, but their ends have been made; no epoch. */
  removeReplicaSet(uid: string): void {
    this.#replicaSets.delete(uid)
  }

  upsertNode(object: NodeObject): void {
    const known = this.#nodes.get(object.uid)?.object
    if (known !== undefined && sameNode(known, object)) return
    this.removeNode(object.uid)
    const end = new End({ k8s_node: object.name, zone: object.zone })
    const node: Node = { object, end }
    this.#nodes.set(object.uid, node)
    this.#nodesByName.set(object.name, node)
    this.#zones.set(object.name, object.zone)
    for (const text of object.addresses) {
      const bytes = parseAddress(text)
      if (bytes !== undefined) this.#nodesByAddress.set(bytes, node)
    }
    this.#epoch++
  }

  removeNode(uid: string): void {
    const node = this.#nodes.get(uid)
    if (node === undefined) return
    this.#nodes.delete(uid)
    if (this.#nodesByName.get(node.object.name) === node) {
      this.#nodesByName.delete(node.object.name)
    }
    this.#zones.delete(node.object.name)
    for (const text of node.object.addresses) {
      const bytes = parseAddress(text)
      if (bytes !== undefined && this.#nodesByAddress.get(bytes) === node) {
        this.#nodesByAddress.delete(bytes)
      }
    }
  }

  upsertNamespace({ uid, name }: NamespaceObject): void {
    this.#namespaces.set(uid, name)
  }

  removeNamespace(uid: string): void {
    this.#namespaces.delete(uid)
  }

  upsertService(object: ServiceObject): void {
    this.services.upsert(object)
  }

  removeService(uid: string): void {
    this.services.remove(uid)
  }

  upsertSlice(slice: EndpointSliceObject): void {
    // A new list names all that there is, changed or not.
    if (isDeepStrictEqual(this.services.slice(slice.uid), slice)) return
    this.removeSlice(slice.uid)
    this.services.upsertSlice(slice)
    this.#touchPodsOf(slice)
  }

  removeSlice(uid: string): void {
    const slice = this.services.removeSlice(uid)
    if (slice !== undefined) this.#touchPodsOf(slice)
  }

  /** Uids of what is kept of a resource: what a new list does not name is gone. */
  uidsOf(kind: 'replicasets' | 'nodes' | 'namespaces'): IterableIterator<string> {
    if (kind === 'replicasets') return this.#replicaSets.keys()
    return kind === 'nodes' ? this.#nodes.keys() : this.#namespaces.keys()
  }

  #namesOf(pod: PodObject): EndNames {
    const { kind, name, replicaset } = this.#workloadOf(pod)
    return {
      service_name: this.#serviceNameOf(pod, name),
      k8s_namespace: pod.namespace,
      k8s_pod: pod.name,
      k8s_pod_uid: pod.uid,
      k8s_workload_kind: kind,
      k8s_workload: name,
      k8s_replicaset: replicaset,
      k8s_node: pod.node,
      k8s_service: this.services.firstOf(keysOf(pod)),
      zone: this.#zones.get(pod.node) ?? '',
    }
  }

  /**
   * The outermost owner that is known. Jobs are not watched, so a CronJob's pod has its Job.
   * A ReplicaSet that is not known (yet, or not at all) still tells its Deployment's name: the
   * controller names it `<deployment>-<pod-template-hash>` and puts the hash on the pod as a label.
   */
  #workloadOf({ owner, templateHash }: PodObject): {
    kind: string
    name: string
    replicaset: string
  } {
    if (owner === undefined) return { kind: '', name: '', replicaset: '' }
    if (owner.kind !== 'ReplicaSet') return { kind: owner.kind, name: owner.name, replicaset: '' }
    const replicaset = owner.name
    const above = this.#replicaSets.get(owner.uid)
    if (above !== undefined) return { kind: above.kind, name: above.name, replicaset }
    const suffix = `-${templateHash}`
    if (templateHash !== '' && replicaset.length > suffix.length && replicaset.endsWith(suffix)) {
      return { kind: 'Deployment', name: replicaset.slice(0, -suffix.length), replicaset }
    }
    return { kind: 'ReplicaSet', name: replicaset, replicaset }
  }

  /**
   * service.name by OpenTelemetry's rule: the first of annotation, well-known labels (instance,
   * then name; opt-in, as that page asks), the workload's name, the pod's name.
   * @see https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes
   */
  #serviceNameOf(pod: PodObject, workload: string): string {
    const labelled = this.#wellKnownLabels ? pod.labelledName : ''
    return pod.annotatedName || labelled || workload || pod.name
  }

  #nameShared(service: Service): string | undefined {
    let shared: string | undefined
    let members = 0
    for (const key of this.services.podsOf(service)) {
      const pod = this.pods.get(key)
      if (pod === undefined || ++members > MEMBERS_MAX) return undefined
      const name = this.endOfPod(pod).names.service_name
      if (shared !== undefined && shared !== name) return undefined
      shared = name
    }
    return shared
  }

  #touchPodsOf(slice: EndpointSliceObject): void {
    for (const key of slice.pods) {
      const pod = this.pods.get(key)
      if (pod !== undefined) pod.end = undefined
      // Not a uid but a name or an address, in a slice that no controller made: rare.
      else if (/[/.:]/.test(key)) this.#epoch++
    }
    this.#touchService(slice.namespace, slice.service)
  }

  #touchServicesOf(pod: PodObject): void {
    for (const slice of this.services.slicesOf(keysOf(pod))) {
      this.#touchService(slice.namespace, slice.service)
    }
  }

  #touchService(namespace: string, name: string): void {
    const service = this.services.named(namespace, name)
    if (service !== undefined) service.end = undefined
  }
}

function keysOf(pod: PodObject): readonly string[] {
  return [pod.uid, `${pod.namespace}/${pod.name}`, ...pod.addresses]
}

function sameNode(a: NodeObject, b: NodeObject): boolean {
  return a.name === b.name && a.zone === b.zone && a.addresses.join() === b.addresses.join()
}
