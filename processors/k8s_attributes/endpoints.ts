/**
 * What EndpointSlices tell besides membership: addresses that are no pods, as of a database outside
 * of the cluster, and since when a Service has the pods that it has.
 */
import { AddressMap, parseAddress } from './addresses.ts'
import type { EndpointSliceObject } from './objects.ts'

/** kube-proxy follows the slices a moment later, as does whoever watches: we do. */
const SETTLED_MS = 10_000

export class Endpoints {
  readonly #now: () => number
  readonly #others = new AddressMap<EndpointSliceObject[]>()
  /** By `namespace/name` of a Service: Unix ms at which its pods were last others than before. */
  readonly #changedMs = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** A slice that has an address for an endpoint, when all that have it are of one Service. */
  at(bytes: Uint8Array, at: number, key: number): EndpointSliceObject | undefined {
    const slices = this.#others.get(bytes, at)?.filter(({ ports }) => ports.includes(key)) ?? []
    const [first] = slices
    const isOne = slices.every((other) => nameOf(other) === nameOf(first))
    return isOne ? first : undefined
  }

  onlyPod(
    service: string,
    slices: readonly EndpointSliceObject[],
    timeMs: number,
  ): string | undefined {
    const changedMs = this.#changedMs.get(service)
    if (changedMs === undefined || timeMs < changedMs + SETTLED_MS) return undefined
    const first = slices.find(({ pods }) => pods.length > 0)?.pods[0]
    return slices.every(({ pods }) => pods.every((key) => key === first)) ? first : undefined
  }

  upsert(slice: EndpointSliceObject): void {
    this.#changedMs.set(nameOf(slice), this.#now())
    for (const bytes of addressesOf(slice)) {
      const known = this.#others.get(bytes)
      if (known === undefined) this.#others.set(bytes, [slice])
      else if (!known.includes(slice)) known.push(slice)
    }
  }

  remove(slice: EndpointSliceObject): void {
    this.#changedMs.set(nameOf(slice), this.#now())
    for (const bytes of addressesOf(slice)) {
      const rest = this.#others.get(bytes)?.filter((other) => other !== slice) ?? []
      if (rest.length === 0) this.#others.delete(bytes)
      else this.#others.set(bytes, rest)
    }
  }

  /** With the last slice of a Service. */
  forget(slice: EndpointSliceObject): void {
    this.#changedMs.delete(nameOf(slice))
  }
}

function nameOf(slice: EndpointSliceObject | undefined): string {
  return `${slice?.namespace}/${slice?.service}`
}

function addressesOf({ others }: EndpointSliceObject): readonly Uint8Array[] {
  return others.map(parseAddress).filter((bytes) => bytes !== undefined)
}
