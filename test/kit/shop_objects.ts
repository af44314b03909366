/** The Kubernetes objects that a cluster running the shop would have. */
import type { Network, Pod } from './netns.ts'
import { SHOP, type Shop, type ShopName, TARGET_PORTS } from './shop.ts'

export const NODE_NAME = 'node-1'
export const ZONE = 'zone-a'
const TEMPLATE_HASH = '6d4cf56db6'

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string
    readonly namespace?: string
  }
  /** Written to the status subresource, after the object itself. */
  readonly status?: object
  readonly [field: string]: unknown
}

/** Creates an object and its status, and answers its uid: owners are named by uid. */
export type Create = (object: KubernetesObject) => Promise<string>

export function podName(name: ShopName): string {
  return `${name}-${TEMPLATE_HASH}-x7k2p`
}

export function replicaSetName(name: ShopName): string {
  return `${name}-${TEMPLATE_HASH}`
}

/** Creates everything in `namespace`. Answers the pods' uids. */
export async function createShop(
  create: Create,
  shop: Shop,
  namespace: string,
): Promise<Record<ShopName, string>> {
  await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await create(node(shop.network))
  const uids: [ShopName, string][] = []
  for (const name of SHOP) {
    const metadata = { namespace, labels: { app: name } }
    await create(service(shop, name, metadata))
    const deployment = await create(workload('Deployment', name, metadata, {}))
    const replicaSet = await create(
      workload('ReplicaSet', name, metadata, owner('Deployment', name, deployment)),
    )
    const owners = owner('ReplicaSet', replicaSetName(name), replicaSet)
    const uid = await create(pod(shop, name, { ...metadata, ...owners }))
    for (const family of ['ipv4', 'ipv6'] as const) {
      await create(endpointSlice({ shop, name, family, namespace, uid }))
    }
    uids.push([name, uid])
  }
  return Object.fromEntries(uids) as Record<ShopName, string>
}

function node(network: Network): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE_NAME, labels: { 'topology.kubernetes.io/zone': ZONE } },
    status: {
      addresses: [
        { type: 'InternalIP', address: network.node.ipv4 },
        { type: 'InternalIP', address: network.node.ipv6 },
      ],
    },
  }
}

function service(shop: Shop, name: ShopName, metadata: object): KubernetesObject {
  const { ipv4, ipv6, port } = shop.services[name]
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: {
      clusterIP: ipv4,
      clusterIPs: [ipv4, ipv6],
      ipFamilyPolicy: 'RequireDualStack',
      ipFamilies: ['IPv4', 'IPv6'],
      selector: { app: name },
      ports: [{ name: 'http', port, targetPort: TARGET_PORTS[name] }],
    },
  }
}

function workload(
  kind: 'Deployment' | 'ReplicaSet',
  name: ShopName,
  metadata: object,
  owners: object,
): KubernetesObject {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: kind === 'Deployment' ? name : replicaSetName(name), ...metadata, ...owners },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container(name)] } },
    },
  }
}

function owner(kind: string, name: string, uid: string): object {
  return { ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid, controller: true }] }
}

function pod(shop: Shop, name: ShopName, metadata: object): KubernetesObject {
  const { ipv4, ipv6 }: Pod = shop.pods[name]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName(name), ...metadata },
    spec: { nodeName: NODE_NAME, containers: [container(name)] },
    status: {
      phase: 'Running',
      podIP: ipv4,
      podIPs: [{ ip: ipv4 }, { ip: ipv6 }],
      hostIP: shop.network.node.ipv4,
      hostIPs: [{ ip: shop.network.node.ipv4 }, { ip: shop.network.node.ipv6 }],
      startTime: new Date().toISOString(),
    },
  }
}

function container(name: ShopName): object {
  return { name, image: `shop/${name}:1`, ports: [{ containerPort: TARGET_PORTS[name] }] }
}

function endpointSlice(of: {
  shop: Shop
  name: ShopName
  family: 'ipv4' | 'ipv6'
  namespace: string
  uid: string
}): KubernetesObject {
  const { shop, name, family, namespace, uid } = of
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${family}`,
      namespace,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
    ports: [{ name: 'http', port: TARGET_PORTS[name], protocol: 'TCP' }],
    endpoints: [
      {
        addresses: [shop.pods[name][family]],
        conditions: { ready: true },
        nodeName: NODE_NAME,
        targetRef: { kind: 'Pod', name: podName(name), namespace, uid },
      },
    ],
  }
}
