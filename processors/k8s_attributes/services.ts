/**
 * Services by address and port, and the Services that a pod stands behind.
 *
 * A ClusterIP belongs to one Service; external and load balancer IPs may be shared by several on
 * different ports, and may be a node's, whose other ports are its own. Membership comes from
 * EndpointSlices, which name the pods.
 */
import { RESOLVED } from '../../pipeline/flows/schema.ts'
import { AddressMap, parseAddress } from './addresses.ts'
import type { End } from './end.ts'
import { Endpoints } from './endpoints.ts'
import type { EndpointSliceObject, ServiceObject } from './objects.ts'

export interface Service {
  readonly object: ServiceObject
  /** Made by Cluster from the Service and its pods. */
  end: End | undefined
  endEpoch: number
}

/** A Service, and by which of its addresses it was found: a code of RESOLVED. */
export interface Reached {
  readonly service: Service
  readonly by: number
}

export class Services {
  readonly #services = new Map<string, Service>()
  /** By `namespace/name`. */
  readonly #byName = new Map<string, Service>()
  readonly #byAddress = new AddressMap<Reached[]>()
  /** By `portKey`. */
  readonly #byNodePort = new Map<number, Reached>()
  readonly #slices = new Map<string, EndpointSliceObject>()
  readonly #endpoints: Endpoints
  /** Pod key (see EndpointSliceObject) to slices that hold it. */
  readonly #slicesOfPod = new Map<string, EndpointSliceObject[]>()
  /** `namespace/name` of a Service to its slices. */
  readonly #slicesOfService = new Map<string, EndpointSliceObject[]>()

  constructor(now: () => number = Date.now) {
    this.#endpoints = new Endpoints(now)
  }

  get size(): number {
    return this.#services.size
  }

  get slices(): number {
    return this.#slices.size
  }

  uids(): IterableIterator<string> {
    return this.#services.keys()
  }

  slice(uid: string): EndpointSliceObject | undefined {
    return this.#slices.get(uid)
  }

  sliceUids(): IterableIterator<string> {
    return this.#slices.keys()
  }

  /** The Service with this address; a ClusterIP is its own, whatever the port (`portKey`). */
  at(bytes: Uint8Array, at: number, key: number): Reached | undefined {
    const reached = this.#byAddress.get(bytes, at)
    if (reached === undefined) return undefined
    const [first] = reached
    if (reached.length === 1 && first?.by === RESOLVED.cluster_ip) return first
    return reached.find(({ service }) => service.object.ports.includes(key))
  }

  /** The Service that every node offers on this port (`portKey`). */
  atNodePort(key: number): Reached | undefined {
    return this.#byNodePort.get(key)
  }

  /** The one Service that has an address which is no pod's for its endpoint. */
  atEndpoint(bytes: Uint8Array, at: number, key: number): Service | undefined {
    const slice = this.#endpoints.at(bytes, at, key)
    return slice && this.named(slice.namespace, slice.service)
  }

  /** What names the only pod behind a Service, when it has been so since `timeMs`. */
  onlyPodOf({ object }: Service, timeMs: number): string | undefined {
    const name = `${object.namespace}/${object.name}`
    return this.#endpoints.onlyPod(name, this.#slicesOfService.get(name) ?? [], timeMs)
  }

  upsert(object: ServiceObject): void {
    this.remove(object.uid)
    const service: Service = { object, end: undefined, endEpoch: 0 }
    this.#services.set(object.uid, service)
    this.#byName.set(`${object.namespace}/${object.name}`, service)
    for (const { bytes, by } of addressesOf(object)) {
      const others = this.#byAddress.get(bytes)
      if (others === undefined) this.#byAddress.set(bytes, [{ service, by }])
      else others.push({ service, by })
    }
    const byNodePort = { service, by: RESOLVED.node_port }
    for (const key of object.nodePorts) this.#byNodePort.set(key, byNodePort)
  }

  remove(uid: string): void {
    const service = this.#services.get(uid)
    if (service === undefined) return
    this.#services.delete(uid)
    const name = `${service.object.namespace}/${service.object.name}`
    if (this.#byName.get(name) === service) this.#byName.delete(name)
    for (const { bytes } of addressesOf(service.object)) {
      const rest = this.#byAddress.get(bytes)?.filter((other) => other.service !== service) ?? []
      if (rest.length === 0) this.#byAddress.delete(bytes)
      else this.#byAddress.set(bytes, rest)
    }
    for (const key of service.object.nodePorts) {
      if (this.#byNodePort.get(key)?.service === service) this.#byNodePort.delete(key)
    }
  }

  upsertSlice(slice: EndpointSliceObject): void {
    this.removeSlice(slice.uid)
    this.#slices.set(slice.uid, slice)
    for (const pod of slice.pods) addTo(this.#slicesOfPod, pod, slice)
    addTo(this.#slicesOfService, `${slice.namespace}/${slice.service}`, slice)
    this.#endpoints.upsert(slice)
  }

  /** Answers with the slice that is gone. */
  removeSlice(uid: string): EndpointSliceObject | undefined {
    const slice = this.#slices.get(uid)
    if (slice === undefined) return undefined
    this.#slices.delete(uid)
    for (const pod of slice.pods) removeFrom(this.#slicesOfPod, pod, slice)
    removeFrom(this.#slicesOfService, `${slice.namespace}/${slice.service}`, slice)
    this.#endpoints.remove(slice)
    if (!this.#slicesOfService.has(`${slice.namespace}/${slice.service}`)) {
      this.#endpoints.forget(slice)
    }
    return slice
  }

  named(namespace: string, name: string): Service | undefined {
    return this.#byName.get(`${namespace}/${name}`)
  }

  /** The slices that hold a pod which goes by one of these keys. */
  *slicesOf(keys: readonly string[]): Generator<EndpointSliceObject> {
    for (const key of keys) yield* this.#slicesOfPod.get(key) ?? []
  }

  /** The alphabetically first Service with a pod that goes by one of these keys; '' for none. */
  firstOf(keys: readonly string[]): string {
    let first = ''
    for (const { service } of this.slicesOf(keys)) {
      if (first === '' || service < first) first = service
    }
    return first
  }

  /** Keys of the pods behind a Service. */
  *podsOf(service: Service): Generator<string> {
    const { namespace, name } = service.object
    for (const slice of this.#slicesOfService.get(`${namespace}/${name}`) ?? []) yield* slice.pods
  }
}

function addressesOf(object: ServiceObject): { bytes: Uint8Array; by: number }[] {
  const kinds = [
    [object.addresses, RESOLVED.cluster_ip],
    [object.externalAddresses, RESOLVED.external_ip],
    [object.balancerAddresses, RESOLVED.load_balancer],
  ] as const
  return kinds.flatMap(([addresses, by]) =>
    addresses.flatMap((text) => {
      const bytes = parseAddress(text)
      return bytes === undefined ? [] : [{ bytes, by }]
    }),
  )
}

function addTo<V>(map: Map<string, V[]>, key: string, value: V): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else if (!values.includes(value)) values.push(value)
}

function removeFrom<V>(map: Map<string, V[]>, key: string, value: V): void {
  const rest = map.get(key)?.filter((v) => v !== value) ?? []
  if (rest.length === 0) map.delete(key)
  else map.set(key, rest)
}
