/**
 * Watches the EndpointSlices of a Service: its ready pods are the backends, long before DNS knows.
 *
 * A pod that is terminating is not ready, and nothing new is sent to it. Slices that name no
 * endpoint that is ready (all pods are being replaced) are no reason to forget those that were.
 */
import { type Access, ApiClient } from '../../../pipeline/kubernetes/api_client.ts'
import { Reflector, type Sink } from '../../../pipeline/kubernetes/reflector.ts'
import { resource, WHOLE } from '../../../pipeline/kubernetes/resource.ts'
import { hostPort, type Resolver, type ResolverSettings } from './resolver.ts'

export interface K8sPlace {
  readonly namespace: string
  readonly service: string
  readonly ports: readonly number[]
  /** How long the start waits for the first answer. */
  readonly timeoutMs: number
}

interface Slice {
  readonly metadata?: { readonly uid?: string }
  readonly endpoints?: readonly Endpoint[] | null
}

interface Endpoint {
  readonly addresses?: readonly string[]
  readonly conditions?: { readonly ready?: boolean | null }
}

export class K8sResolver implements Resolver {
  readonly name = 'k8s'
  readonly #place: K8sPlace
  readonly #settings: ResolverSettings
  readonly #client: ApiClient
  readonly #reflector: Reflector
  /** Ready addresses, by the slice's uid. */
  readonly #slices = new Map<string, readonly string[]>()
  #isDue = false
  #isStopped = false

  constructor(
    place: K8sPlace,
    of: ResolverSettings & { readonly access: Access; readonly userAgent: string },
  ) {
    this.#place = place
    this.#settings = of
    this.#client = new ApiClient(of.access, { userAgent: of.userAgent })
    const slices = resource({ group: 'discovery.k8s.io', name: 'endpointslices', accept: WHOLE })
    const { namespace, service } = place
    const path = slices.path.replace('endpointslices', `namespaces/${namespace}/endpointslices`)
    this.#reflector = new Reflector({
      client: this.#client,
      resource: { ...slices, path },
      labelSelector: `kubernetes.io/service-name=${service}`,
      sink: this.#sink(),
      logger: of.logger,
    })
  }

  async start(): Promise<void> {
    this.#reflector.start()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#place.timeoutMs)
    await Promise.race([this.#reflector.settled.then(() => this.#tell()), late])
    clearTimeout(timer)
    if (!this.#reflector.synced) this.#settings.failed()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const stopped = this.#reflector.stop()
    this.#client.close()
    await stopped
  }

  #sink(): Sink {
    return {
      upsert: (object) => {
        const { metadata, endpoints } = object as Slice
        if (metadata?.uid === undefined) return
        // A missing `ready` is to be taken for true (discovery/v1 EndpointConditions).
        const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
        this.#slices.set(
          metadata.uid,
          ready.flatMap(({ addresses }) => addresses ?? []),
        )
        this.#change()
      },
      remove: (uid) => {
        this.#slices.delete(uid)
        this.#change()
      },
      uids: () => this.#slices.keys(),
    }
  }

  /** What one chunk of the watch brings is told once. */
  #change(): void {
    if (this.#isDue || !this.#reflector.synced) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      this.#tell()
    })
  }

  #tell(): void {
    if (this.#isStopped) return
    const addresses = new Set([...this.#slices.values()].flat())
    if (addresses.size === 0) return
    this.#settings.resolved(
      [...addresses].flatMap((address) => this.#place.ports.map((port) => hostPort(address, port))),
    )
  }
}
