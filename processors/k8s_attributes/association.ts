/**
 * Which pod a resource belongs to. Rules are tried in order; one is about a resource when all its
 * sources are there. Unlike the Collector's, a rule that finds no pod does not end the search: the
 * next one may (an address behind a NAT finds none, the pod's uid does).
 */
import { parseAddress } from './addresses.ts'
import type { Catalog, CatalogPod } from './catalog.ts'
import type { AssociationSource } from './otlp_config.ts'

/** String attributes of a resource; null for those of other types. */
export type Known = ReadonlyMap<string, string | null>

export interface Found {
  readonly pod: CatalogPod | undefined
  /** The peer's address, when the rule that counted was about it. */
  readonly connection: string | undefined
  /** Whether any rule's sources were there. */
  readonly asked: boolean
}

type Sources = readonly AssociationSource[]

const attribute = (name: string): Sources => [{ from: 'resource_attribute', name }]

export const RULES_DEFAULT: readonly Sources[] = [
  attribute('k8s.pod.ip'),
  attribute('ip'),
  [{ from: 'connection', name: '' }],
  attribute('host.name'),
]

export function associate(
  rules: readonly Sources[],
  of: { known: Known; connection: string | undefined; catalog: Catalog | undefined },
): Found {
  let first: Found | undefined
  for (const sources of rules) {
    const values = sources.map((source) => sourceValue(source, of))
    if (values.includes(undefined)) continue
    const connection = sources.some(({ from }) => from === 'connection') ? of.connection : undefined
    const pod = of.catalog && find(of.catalog, sources, values as string[])
    if (pod !== undefined) return { pod, connection, asked: true }
    first ??= { pod: undefined, connection, asked: true }
  }
  return first ?? { pod: undefined, connection: undefined, asked: false }
}

function sourceValue(
  { from, name }: AssociationSource,
  { known, connection }: { known: Known; connection: string | undefined },
): string | undefined {
  if (from === 'connection') return connection
  const value = known.get(name) || undefined
  // A host's name that is no address says nothing about a pod.
  return name === 'host.name' && value && parseAddress(value) === undefined ? undefined : value
}

/** The one pod that every source fits. */
function find(catalog: Catalog, sources: Sources, values: string[]): CatalogPod | undefined {
  for (const [i, source] of sources.entries()) {
    const found = candidates(catalog, source, values[i] as string)
    if (found === undefined) continue
    const fitting = found.filter((pod) =>
      sources.every((s, j) => fits(pod, s, values[j] as string)),
    )
    // A name alone may be that of pods in several namespaces.
    const { namespace } = fitting[0]?.object ?? {}
    const isOne = fitting.every(({ object }) => object.namespace === namespace)
    return isOne ? fitting[0] : undefined
  }
  return undefined
}

/** Undefined when nothing can be found by such a source. */
function candidates(
  catalog: Catalog,
  { from, name }: AssociationSource,
  value: string,
): readonly CatalogPod[] | undefined {
  if (from === 'connection' || isAddress(name)) {
    const address = parseAddress(value)
    return one(address && catalog.podAt(address))
  }
  if (name === 'k8s.pod.uid') return one(catalog.pod(value))
  if (name === 'container.id') return one(catalog.podWith(value))
  return name === 'k8s.pod.name' ? catalog.podsNamed(value) : undefined
}

function one(pod: CatalogPod | undefined): readonly CatalogPod[] {
  return pod === undefined ? [] : [pod]
}

function isAddress(name: string): boolean {
  return name === 'k8s.pod.ip' || name === 'ip' || name === 'host.name'
}

function fits(pod: CatalogPod, { from, name }: AssociationSource, value: string): boolean {
  const { object, detail } = pod
  if (from === 'connection' || isAddress(name)) return hasAddress(object.addresses, value)
  switch (name) {
    case 'k8s.pod.uid':
      return object.uid === value
    case 'k8s.pod.name':
      return object.name === value
    case 'k8s.namespace.name':
      return object.namespace === value
    case 'k8s.node.name':
      return object.node === value
    case 'k8s.pod.hostname':
      return detail.hostname === value
    default:
      return detail.containers.some(({ id }) => id === value)
  }
}

/** Whatever way the address is written. */
function hasAddress(addresses: readonly string[], value: string): boolean {
  const wanted = parseAddress(value)
  if (wanted === undefined) return false
  return addresses.some((text) => {
    const bytes = parseAddress(text)
    return bytes !== undefined && Buffer.compare(bytes, wanted) === 0
  })
}
