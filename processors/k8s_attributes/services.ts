/**
 * Services by address and port, and the Services that a pod stands behind.
 *
 * A ClusterIP belongs to one Service; external and load balancer IPs may be shared by several on
 * different ports. Membership comes from EndpointSlices, which name the pods.
 */
import { AddressMap, parseAddress } from './addresses.ts'
import type { End } from './end.ts'
import type { EndpointSliceObject, ServiceObject } from './objects.ts'

export interface Service {
  readonly object: ServiceObject
  /** Made by Cluster from the Service and its pods. */
  end: End | undefined
  endEpoch: number
}

export class Services {
  readonly #services = new Map<string, Service>()
  /** By `namespace/name`. */
  readonly #byName = new Map<string, Service>()
  readonly #byAddress = new AddressMap<Service[]>()
  readonly #byNodePort = new Map<number, Service>()
  readonly #slices = new Map<string, EndpointSliceObject>()
  /** Pod key (see EndpointSliceObject) to slices that hold it. */
  readonly #slicesOfPod = new Map<string, EndpointSliceObject[]>()
  /** `namespace/name` of a Service to its slices. */
  readonly #slicesOfService = new Map<string, EndpointSliceObject[]>()

  get size(): number {
    return this.#services.size
  }

  get slices(): number {
    return this.#slices.size
  }

  uids(): IterableIterator<string> {
    return this.#services.keys()
  }

  sliceUids(): IterableIterator<string> {
    return this.#slices.keys()
  }

  /** The Service with this address; by port where several share it. */
  at(bytes: Uint8Array, at: number, port: number): Service | undefined {
    const services = this.#byAddress.get(bytes, at)
    if (services === undefined) return undefined
    return services.length === 1 ? services[0] : services.find((s) => s.object.ports.includes(port))
  }

  /** The Service that every node offers on this port. */
  atNodePort(port: number): Service | undefined {
    return this.#byNodePort.get(port)
  }

  upsert(object: ServiceObject): void {
    this.remove(object.uid)
    const service: Service = { object, end: undefined, endEpoch: 0 }
    this.#services.set(object.uid, service)
    this.#byName.set(`${object.namespace}/${object.name}`, service)
    for (const bytes of addressesOf(object)) {
      const others = this.#byAddress.get(bytes)
      if (others === undefined) this.#byAddress.set(bytes, [service])
      else others.push(service)
    }
    for (const port of object.nodePorts) this.#byNodePort.set(port, service)
  }

  remove(uid: string): void {
    const service = this.#services.get(uid)
    if (service === undefined) return
    this.#services.delete(uid)
    const name = `${service.object.namespace}/${service.object.name}`
    if (this.#byName.get(name) === service) this.#byName.delete(name)
    for (const bytes of addressesOf(service.object)) {
      const rest = this.#byAddress.get(bytes)?.filter((s) => s !== service) ?? []
      if (rest.length === 0) this.#byAddress.delete(bytes)
      else this.#byAddress.set(bytes, rest)
    }
    for (const port of service.object.nodePorts) {
      if (this.#byNodePort.get(port) === service) this.#byNodePort.delete(port)
    }
  }

  upsertSlice(slice: EndpointSliceObject): void {
    this.removeSlice(slice.uid)
    this.#slices.set(slice.uid, slice)
    for (const pod of slice.pods) addTo(this.#slicesOfPod, pod, slice)
    addTo(this.#slicesOfService, `${slice.namespace}/${slice.service}`, slice)
  }

  /** Answers with the slice that is gone. */
  removeSlice(uid: string): EndpointSliceObject | undefined {
    const slice = this.#slices.get(uid)
    if (slice === undefined) return undefined
    this.#slices.delete(uid)
    for (const pod of slice.pods) removeFrom(this.#slicesOfPod, pod, slice)
    removeFrom(this.#slicesOfService, `${slice.namespace}/${slice.service}`, slice)
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

function addressesOf(object: ServiceObject): readonly Uint8Array[] {
  return object.addresses.map(parseAddress).filter((a) => a !== undefined)
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
