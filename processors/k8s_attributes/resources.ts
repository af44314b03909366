/** The six resources that are mirrored, and where each goes. */
import type { Sink } from '../../pipeline/kubernetes/reflector.ts'
import { resource, WHOLE } from '../../pipeline/kubernetes/resource.ts'
import type { Catalog } from './catalog.ts'
import type { Cluster } from './cluster.ts'
import { endpointSliceOf, namespaceOf, nodeOf, podOf, replicaSetOf, serviceOf } from './objects.ts'

/**
 * Metadata alone, made by the server: of a ReplicaSet only the owner is wanted. A watch that asks
 * for the list's type ends without a word at its first event (seen with 1.36), hence two.
 */
const METADATA = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
  watch: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
}

export const RESOURCES = {
  pods: resource({ group: '', name: 'pods', accept: WHOLE }),
  services: resource({ group: '', name: 'services', accept: WHOLE }),
  endpointslices: resource({
    group: 'discovery.k8s.io',
    name: 'endpointslices',
    accept: WHOLE,
  }),
  replicasets: resource({ group: 'apps', name: 'replicasets', accept: METADATA }),
  nodes: resource({ group: '', name: 'nodes', accept: WHOLE }),
  namespaces: resource({ group: '', name: 'namespaces', accept: METADATA }),
} as const

export type ResourceName = keyof typeof RESOURCES

export function sinksOf(
  cluster: Cluster,
  catalog?: Catalog,
): { readonly [N in ResourceName]: Sink } {
  return {
    pods: {
      upsert(value) {
        const object = podOf(value)
        if (object === undefined) return
        // First, for an address that becomes known may be asked for at once.
        catalog?.upsertPod(object, value)
        cluster.upsertPod(object)
      },
      remove(uid, last) {
        cluster.removePod(uid, podOf(last))
        catalog?.removePod(uid)
      },
      uids: () => cluster.pods.uids(),
    },
    services: {
      ...upserts(serviceOf, (o) => cluster.upsertService(o)),
      remove: (uid) => cluster.removeService(uid),
      uids: () => cluster.services.uids(),
    },
    endpointslices: {
      ...upserts(endpointSliceOf, (o) => cluster.upsertSlice(o)),
      remove: (uid) => cluster.removeSlice(uid),
      uids: () => cluster.services.sliceUids(),
    },
    replicasets: {
      ...upserts(replicaSetOf, (o) => cluster.upsertReplicaSet(o)),
      remove: (uid) => cluster.removeReplicaSet(uid),
      uids: () => cluster.uidsOf('replicasets'),
    },
    nodes: {
      ...upserts(nodeOf, (o, value) => {
        cluster.upsertNode(o)
        catalog?.upsertNode(o, value)
      }),
      remove(uid) {
        cluster.removeNode(uid)
        catalog?.removeNode(uid)
      },
      uids: () => cluster.uidsOf('nodes'),
    },
    namespaces: {
      ...upserts(namespaceOf, (o, value) => {
        cluster.upsertNamespace(o)
        catalog?.upsertNamespace(o, value)
      }),
      remove(uid) {
        cluster.removeNamespace(uid)
        catalog?.removeNamespace(uid)
      },
      uids: () => cluster.uidsOf('namespaces'),
    },
  }
}

function upserts<T>(
  strip: (value: unknown) => T | undefined,
  upsert: (object: T, value: unknown) => void,
): Pick<Sink, 'upsert'> {
  return {
    upsert(value) {
      const object = strip(value)
      if (object !== undefined) upsert(object, value)
    },
  }
}
