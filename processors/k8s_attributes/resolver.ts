/**
 * Who stands at an end, and by which evidence: what a host's kernel has told of it first, then what
 * its address says.
 */
import { RESOLVED } from '../../pipeline/flows/schema.ts'
import { isLoopback } from './addresses.ts'
import type { Cluster } from './cluster.ts'
import type { End } from './end.ts'
import { isPod, type Namespaces } from './namespaces.ts'
import type { Pod } from './pods.ts'

/** An end that was seen, with its address at `bytes[at..at + 16)`. */
export interface SeenEnd {
  readonly bytes: Uint8Array
  readonly at: number
  readonly netns: number
  readonly timeMs: number
  /** By its cgroup; '' where that says nothing. */
  readonly podUid: string
  readonly containerId: string
}

/** An end of which there is but an address, and a port in the form of `portKey`. */
export interface FarEnd {
  readonly bytes: Uint8Array
  readonly at: number
  readonly timeMs: number
  /** Undefined of a client: its port is of no use. */
  readonly port: number | undefined
  /** When the connection began, in Unix ms; 0 where that was not seen. */
  readonly connectedMs: number
}

export class Resolver {
  /** How the last end was found: a code of RESOLVED. */
  by: number = RESOLVED.unknown
  readonly #cluster: Cluster
  readonly #namespaces: Namespaces

  constructor(cluster: Cluster, namespaces: Namespaces) {
    this.#cluster = cluster
    this.#namespaces = namespaces
  }

  /** The last answer would be that from then on, until `untilMs`, with the same namespaces. */
  get sinceMs(): number {
    return Math.max(this.#cluster.pods.same.sinceMs, this.#namespaces.same.sinceMs)
  }

  get untilMs(): number {
    return Math.min(this.#cluster.pods.same.untilMs, this.#namespaces.same.untilMs)
  }

  seen(of: SeenEnd): End | undefined {
    this.#begin()
    return this.#byCgroup(of) ?? this.#byPlace(of)
  }

  /**
   * Another process of the network namespace, over loopback: so of the same pod, whose containers
   * are many, and on the host's network of any pod there.
   */
  beside(of: SeenEnd): End | undefined {
    this.#begin()
    const { index } = this.#cluster
    const pod = index.pod(of.podUid) ?? index.container(of.containerId)?.pod
    if (pod === undefined) return this.#byPlace(of)
    if (!pod.object.hostNetwork) return this.#found(RESOLVED.netns, this.#cluster.endOfPod(pod))
    return this.#found(RESOLVED.node, this.#cluster.nodeNamed(pod.object.node)?.end)
  }

  far({ bytes, at, timeMs, port, connectedMs }: FarEnd): End | undefined {
    this.#begin()
    const cluster = this.#cluster
    const pod = cluster.pods.at(bytes, at, timeMs)
    if (pod !== undefined) return this.#found(RESOLVED.pod_ip, cluster.endOfPod(pod))
    const node = cluster.node(bytes, at)
    if (port === undefined) return this.#found(RESOLVED.node, node?.end)
    const reached = cluster.service(bytes, at, port)
    if (reached !== undefined) {
      const only = connectedMs > 0 ? cluster.onlyPodOf(reached.service, connectedMs) : undefined
      if (only !== undefined) return this.#found(RESOLVED.endpoint, only)
      return this.#found(reached.by, cluster.endOfService(reached.service))
    }
    if (node !== undefined) {
      // Whose port it is depends on several pods' times.
      cluster.pods.same.only(timeMs)
      const address = bytes.subarray(at, at + 16)
      const end = cluster.atHostPort(node, port, { address, timeMs })
      if (end !== undefined) return this.#found(RESOLVED.host_port, end)
    }
    const service = cluster.services.atEndpoint(bytes, at, port)
    if (service !== undefined) {
      return this.#found(RESOLVED.endpoint, cluster.endOfService(service))
    }
    return this.#found(RESOLVED.node, node?.end)
  }

  #byCgroup(of: SeenEnd): End | undefined {
    const { podUid, containerId } = of
    const { index } = this.#cluster
    if (podUid !== '') {
      const pod = index.pod(podUid)
      return pod && this.#ofPod(RESOLVED.pod_uid, pod, of)
    }
    const found = containerId === '' ? undefined : index.container(containerId)
    return found && this.#ofPod(RESOLVED.container_id, found.pod, of)
  }

  #ofPod(by: number, pod: Pod, { containerId, netns, bytes, at, timeMs }: SeenEnd): End {
    // Not by the cgroup alone: a mesh's proxy has sockets in the namespaces of others.
    if (this.#namespaces.owner(netns, timeMs) === undefined && !isLoopback(bytes, at)) {
      if (this.#cluster.pods.at(bytes, at, timeMs) === pod) this.#namespaces.learn(netns, pod)
    }
    const cluster = this.#cluster
    const end =
      containerId === '' ? cluster.endOfPod(pod) : cluster.endOfContainer(pod, containerId)
    return this.#found(by, end) as End
  }

  /** No pod, where the cgroup names one that is not known: the address was another's before. */
  #byPlace({ bytes, at, netns, timeMs, podUid }: SeenEnd): End | undefined {
    const cluster = this.#cluster
    const isKnown = podUid === ''
    if (!isLoopback(bytes, at)) {
      const pod = isKnown ? cluster.pods.at(bytes, at, timeMs) : undefined
      const known = pod ?? cluster.node(bytes, at)
      if (known !== undefined) {
        if (isKnown) this.#namespaces.learn(netns, known)
        if (isPod(known)) return this.#found(RESOLVED.pod_ip, cluster.endOfPod(known))
        return this.#found(RESOLVED.node, known.end)
      }
    }
    const owner = this.#namespaces.owner(netns, timeMs)
    if (owner === undefined) return this.#found(RESOLVED.unknown, undefined)
    if (!isPod(owner)) return this.#found(RESOLVED.netns, owner.end)
    return this.#found(RESOLVED.netns, isKnown ? cluster.endOfPod(owner) : undefined)
  }

  #begin(): void {
    this.#cluster.pods.same.reset()
    this.#namespaces.same.reset()
  }

  #found(by: number, end: End | undefined): End | undefined {
    this.by = end === undefined ? RESOLVED.unknown : by
    return end
  }
}
