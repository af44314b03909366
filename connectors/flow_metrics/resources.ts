/** The two ends of an edge: the local one a resource, the remote one attributes. */
import type { EndNames } from '../../pipeline/flows/ends.ts'
import { encodeFields, encodeResource } from '../../pipeline/flows/resource.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'

const RESOURCE_ATTRIBUTES = tag(1, LEN)

export interface Resource {
  /** Number of this object: two objects may stand for one resource, of which `key` is the same. */
  readonly id: number
  readonly key: string
  /** Encoded fields of the resource. */
  readonly attributes: Uint8Array
}

let ids = 0

export function resourceOf(names: EndNames, key: string): Resource {
  return { id: ++ids, key, attributes: encodeResource(names) }
}

/** Of series that stand for many resources: the service's name is what a resource must have. */
export const OVERFLOW_RESOURCE: Resource = {
  id: 0,
  key: '',
  attributes: encodeFields(RESOURCE_ATTRIBUTES, [['service.name', 'unknown_service']]),
}

export interface Peer {
  readonly id: number
  readonly attributes: readonly (readonly [key: string, value: string])[]
}

/** What is told apart of peers: not pods, of which there are too many and which are replaced. */
export function peerOf(names: EndNames): Peer {
  const kind = names.k8s_workload_kind.toLowerCase()
  const pairs: [string, string][] = [
    ['peer.service', names.service_name],
    ['peer.k8s.namespace.name', names.k8s_namespace],
    [`peer.k8s.${kind}.name`, kind === '' ? '' : names.k8s_workload],
  ]
  return { id: ++ids, attributes: pairs.filter(([, value]) => value !== '') }
}
