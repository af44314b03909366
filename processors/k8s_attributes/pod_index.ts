/**
 * Pods by what a host's kernel knows of them: the uid in the path of a cgroup, the id of a
 * container, a port of the node. None of these is given out twice at a time, and uids and ids never
 * again, so that a pod which has ended is found by them until its grace period is over.
 */
import { parseAddress } from './addresses.ts'
import type { ContainerObject, HostPort, PodObject } from './objects.ts'
import type { Pod } from './pods.ts'

/** Pods that have gone and can still be found, at most. */
const GONE_MAX = 10_000
/** Of a pod whose containers are started again and again, the newest. */
const CONTAINERS_MAX = 64

export interface PodContainer {
  readonly pod: Pod
  readonly container: ContainerObject
}

export class PodIndex {
  readonly #graceMs: number
  readonly #now: () => number
  readonly #byUid = new Map<string, Pod>()
  readonly #byContainer = new Map<string, PodContainer>()
  /** By uid; what stands in #byContainer of it. */
  readonly #containers = new Map<string, Set<string>>()
  /** By node and port. */
  readonly #byHostPort = new Map<string, Pod[]>()
  /** When pods were deleted that can still be found, the first to go first. */
  readonly #gone = new Map<Pod, number>()

  constructor({ graceMs, now }: { graceMs: number; now: () => number }) {
    this.#graceMs = graceMs
    this.#now = now
  }

  /** By the API server's uid, or the one that a kubelet has given to a static pod. */
  pod(uid: string): Pod | undefined {
    return this.#byUid.get(uid)
  }

  container(id: string): PodContainer | undefined {
    return this.#byContainer.get(id)
  }

  /** The one pod to which a port of a node's address has led at a time in Unix ms. */
  atHostPort(node: string, key: number, of: { address: Uint8Array; timeMs: number }) {
    const pods = this.#byHostPort.get(`${node}/${key}`) ?? []
    const fitting = pods.filter((pod) => leads(pod, key, of))
    return fitting.length === 1 ? fitting[0] : undefined
  }

  /** `before`: what was known of it. */
  upsert(pod: Pod, before: PodObject | undefined): void {
    const { uid, staticUid, containers } = pod.object
    this.#byUid.set(uid, pod)
    if (staticUid !== '') this.#byUid.set(staticUid, pod)
    const ids = this.#containers.get(uid) ?? new Set()
    this.#containers.set(uid, ids)
    for (const container of containers) {
      ids.add(container.id)
      this.#byContainer.set(container.id, { pod, container })
    }
    for (const id of ids) {
      if (ids.size <= CONTAINERS_MAX) break
      ids.delete(id)
      this.#byContainer.delete(id)
    }
    if (before?.node === pod.object.node) return
    this.#removePorts(pod, before)
    for (const { key } of pod.object.hostPorts) this.#addPort(pod, key)
  }

  remove(pod: Pod): void {
    this.#gone.set(pod, this.#now())
    this.sweep()
  }

  sweep(): void {
    const before = this.#now() - this.#graceMs
    for (const [pod, atMs] of this.#gone) {
      if (atMs > before && this.#gone.size <= GONE_MAX) return
      this.#gone.delete(pod)
      this.#forget(pod)
    }
  }

  #forget(pod: Pod): void {
    const { uid, staticUid } = pod.object
    for (const known of [uid, staticUid]) {
      if (this.#byUid.get(known) === pod) this.#byUid.delete(known)
    }
    for (const id of this.#containers.get(uid) ?? []) {
      if (this.#byContainer.get(id)?.pod === pod) this.#byContainer.delete(id)
    }
    this.#containers.delete(uid)
    this.#removePorts(pod, pod.object)
  }

  #addPort(pod: Pod, key: number): void {
    const { node } = pod.object
    if (node === '') return
    const others = this.#byHostPort.get(`${node}/${key}`)
    if (others === undefined) this.#byHostPort.set(`${node}/${key}`, [pod])
    else if (!others.includes(pod)) others.push(pod)
  }

  #removePorts(pod: Pod, object: PodObject | undefined): void {
    for (const { key } of object?.hostPorts ?? []) {
      const name = `${object?.node}/${key}`
      const rest = this.#byHostPort.get(name)?.filter((other) => other !== pod) ?? []
      if (rest.length === 0) this.#byHostPort.delete(name)
      else this.#byHostPort.set(name, rest)
    }
  }
}

function leads(
  pod: Pod,
  key: number,
  { address, timeMs }: { address: Uint8Array; timeMs: number },
): boolean {
  const { hostPorts, startMs } = pod.object
  if (timeMs >= pod.untilMs || (startMs !== undefined && timeMs < startMs)) return false
  return hostPorts.some((port) => port.key === key && isOn(port, address))
}

function isOn({ address }: HostPort, bytes: Uint8Array): boolean {
  if (address === '') return true
  const only = parseAddress(address)
  return only !== undefined && Buffer.compare(only, bytes) === 0
}
