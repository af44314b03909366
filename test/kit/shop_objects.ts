/** The Kubernetes objects that a cluster running the shop would have. */
import type { Kubernetes } from './kubernetes.ts'
import {
  createDeployment,
  createEndpointSlice,
  createNamespace,
  createNode,
  createPod,
  createReplicaSet,
  createService,
} from './kubernetes_objects.ts'
import type { KubernetesPod } from './kubernetes_types.ts'
import { SHOP, type Shop, type ShopName, TARGET_PORTS } from './shop.ts'

export const NAMESPACE = 'shop'
export const NODE_NAME = 'node-1'
export const ZONE = 'zone-a'

/** As the Deployment controller names what it makes. */
export const replicaSetName = (name: ShopName): string => `${name}-6d4cf56db6`
export const podName = (name: ShopName): string => `${replicaSetName(name)}-x7k2p`

/** Creates the namespace, the node, and what belongs to each service. Gives the pods' uids. */
export async function createShop(
  cluster: Kubernetes,
  shop: Shop,
): Promise<Record<ShopName, string>> {
  const { ipv4, ipv6 } = shop.network.node
  await createNamespace(cluster, { name: NAMESPACE })
  await createNode(cluster, { name: NODE_NAME, addresses: [ipv4, ipv6], zone: ZONE })
  const uids = {} as Record<ShopName, string>
  for (const name of SHOP) {
    const pod = await createWorkload(cluster, shop, name)
    await createAddresses({ cluster, shop, name, pod })
    uids[name] = pod.metadata.uid
  }
  return uids
}

async function createWorkload(
  cluster: Kubernetes,
  shop: Shop,
  name: ShopName,
): Promise<KubernetesPod> {
  const head = { namespace: NAMESPACE, labels: { app: name } }
  const deployment = await createDeployment(cluster, { ...head, name })
  const replicaSet = await createReplicaSet(cluster, {
    ...head,
    name: replicaSetName(name),
    owner: deployment,
  })
  return createPod(cluster, {
    ...head,
    name: podName(name),
    owner: replicaSet,
    nodeName: NODE_NAME,
    containers: [name],
    podIPs: [shop.pods[name].ipv4, shop.pods[name].ipv6],
    hostIP: shop.network.node.ipv4,
  })
}

/** A Service with both ClusterIPs, and an EndpointSlice a family. */
async function createAddresses(of: {
  cluster: Kubernetes
  shop: Shop
  name: ShopName
  pod: KubernetesPod
}): Promise<void> {
  const { cluster, shop, name, pod } = of
  const { ipv4, ipv6, port } = shop.services[name]
  await createService(cluster, {
    name,
    namespace: NAMESPACE,
    clusterIPs: [ipv4, ipv6],
    selector: { app: name },
    ports: [{ name: 'http', port, targetPort: TARGET_PORTS[name] }],
  })
  for (const family of ['ipv4', 'ipv6'] as const) {
    await createEndpointSlice(cluster, {
      name: `${name}-${family}`,
      namespace: NAMESPACE,
      service: name,
      ports: [{ name: 'http', port: TARGET_PORTS[name] }],
      endpoints: [{ address: shop.pods[name][family], pod, nodeName: NODE_NAME, zone: ZONE }],
    })
  }
}
