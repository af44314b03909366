/**
 * Pods, namespaces and nodes with what `extract` wants of them, found by uid, name and container:
 * the part of a cluster that traces, metrics and logs ask for. Addresses are the Cluster's.
 */
import type { Cluster } from './cluster.ts'
import type { Extraction, Pair, PodDetail } from './extraction.ts'
import type { NamespaceObject, NodeObject, PodObject } from './objects.ts'

export interface CatalogPod {
  readonly object: PodObject
  readonly detail: PodDetail
  /** Of otlp_attributes.ts: attributes by container, made when first asked for. */
  readonly encoded: Map<string, unknown>
  encodedEpoch: number
}

export interface Place {
  readonly uid: string
  readonly pairs: readonly Pair[]
  /** As `CatalogPod.encoded`. */
  encoded: unknown
}

/** Pods that were deleted and can still be found, at most. */
const GONE_MAX = 10_000

export class Catalog {
  readonly extraction: Extraction
  readonly cluster: Cluster
  readonly #graceMs: number
  readonly #pods = new Map<string, CatalogPod>()
  readonly #byName = new Map<string, Set<CatalogPod>>()
  readonly #byContainer = new Map<string, CatalogPod>()
  readonly #namespaces = new Map<string, Place>()
  readonly #nodes = new Map<string, Place>()
  /** When pods were deleted that can still be found, the first to go first. */
  readonly #gone = new Map<string, number>()

  constructor(of: { extraction: Extraction; cluster: Cluster; graceMs: number }) {
    this.extraction = of.extraction
    this.cluster = of.cluster
    this.#graceMs = of.graceMs
  }

  get size(): number {
    return this.#pods.size
  }

  pod(uid: string): CatalogPod | undefined {
    return this.#pods.get(uid)
  }

  podAt(address: Uint8Array): CatalogPod | undefined {
    const found = this.cluster.pods.latest(address, 0)
    return found && this.#pods.get(found.object.uid)
  }

  podWith(containerId: string): CatalogPod | undefined {
    return this.#byContainer.get(containerId)
  }

  /** Pods of this name, in any namespace; one that lives stands before one that was deleted. */
  podsNamed(name: string): readonly CatalogPod[] {
    const pods = [...(this.#byName.get(name) ?? [])]
    if (pods.length < 2) return pods
    return pods.sort((a, b) => this.#goneAt(a) - this.#goneAt(b))
  }

  namespace(name: string): Place | undefined {
    return this.#namespaces.get(name)
  }

  node(name: string): Place | undefined {
    return this.#nodes.get(name)
  }

  /** `value` is the whole object, as it came from the API server. */
  upsertPod(object: PodObject, value: unknown): void {
    this.#forget(object.uid)
    const detail = this.extraction.podDetailOf(value)
    const pod: CatalogPod = { object, detail, encoded: new Map(), encodedEpoch: 0 }
    this.#pods.set(object.uid, pod)
    const alike = this.#byName.get(object.name)
    if (alike === undefined) this.#byName.set(object.name, new Set([pod]))
    else alike.add(pod)
    for (const { id } of detail.containers) if (id !== '') this.#byContainer.set(id, pod)
  }

  removePod(uid: string): void {
    if (!this.#pods.has(uid) || this.#gone.has(uid)) return
    this.#gone.set(uid, Date.now())
    this.sweep()
  }

  upsertNamespace({ name, uid }: NamespaceObject, value: unknown): void {
    const pairs = this.extraction.pairsOf(value, 'namespace')
    this.#namespaces.set(name, { uid, pairs, encoded: undefined })
  }

  upsertNode({ name, uid }: NodeObject, value: unknown): void {
    const pairs = this.extraction.pairsOf(value, 'node')
    this.#nodes.set(name, { uid, pairs, encoded: undefined })
  }

  removeNamespace(uid: string): void {
    remove(this.#namespaces, uid)
  }

  removeNode(uid: string): void {
    remove(this.#nodes, uid)
  }

  /** Forgets pods whose grace period is over. */
  sweep(): void {
    const before = Date.now() - this.#graceMs
    for (const [uid, atMs] of this.#gone) {
      if (atMs > before && this.#gone.size <= GONE_MAX) return
      this.#forget(uid)
    }
  }

  #goneAt({ object }: CatalogPod): number {
    return this.#gone.get(object.uid) ?? 0
  }

  #forget(uid: string): void {
    this.#gone.delete(uid)
    const pod = this.#pods.get(uid)
    if (pod === undefined) return
    this.#pods.delete(uid)
    const alike = this.#byName.get(pod.object.name)
    alike?.delete(pod)
    if (alike?.size === 0) this.#byName.delete(pod.object.name)
    for (const { id } of pod.detail.containers) {
      if (this.#byContainer.get(id) === pod) this.#byContainer.delete(id)
    }
  }
}

function remove(places: Map<string, Place>, uid: string): void {
  for (const [name, place] of places) if (place.uid === uid) places.delete(name)
}
