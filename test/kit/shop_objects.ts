/** The Kubernetes objects that a cluster running the shop would have. */
import type { Kubernetes } from './kubernetes.ts'
import { createNamespace, createNode } from './kubernetes_objects.ts'
import { createServedWorkload } from './served_workload.ts'
import { SHOP, type Shop, type ShopName, TARGET_PORTS } from './shop.ts'

export { podName, replicaSetName } from './served_workload.ts'

export const NAMESPACE = 'shop'
export const NODE_NAME = 'node-1'
export const ZONE = 'zone-a'

/** Creates the namespace, the node, and what belongs to each service. Gives the pods' uids. */
export async function createShop(
  cluster: Kubernetes,
  shop: Shop,
): Promise<Record<ShopName, string>> {
  const { ipv4, ipv6 } = shop.network.node
  const node = { name: NODE_NAME, zone: ZONE, address: ipv4 }
  await createNamespace(cluster, { name: NAMESPACE })
  await createNode(cluster, { name: NODE_NAME, addresses: [ipv4, ipv6], zone: ZONE })
  const uids = {} as Record<ShopName, string>
  for (const name of SHOP) {
    const pod = await createServedWorkload(cluster, {
      namespace: NAMESPACE,
      name,
      pod: shop.pods[name],
      service: shop.services[name],
      targetPort: TARGET_PORTS[name],
      node,
    })
    uids[name] = pod.metadata.uid
  }
  return uids
}
