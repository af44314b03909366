/** What a cluster has of a service with one pod: the workload, the Service, its addresses. */
import type { Kubernetes } from './kubernetes.ts'
import {
  createDeployment,
  createEndpointSlice,
  createPod,
  createReplicaSet,
  createService,
} from './kubernetes_objects.ts'
import type { KubernetesPod } from './kubernetes_types.ts'
import type { ClusterIp, Pod } from './netns.ts'

export interface ServedWorkload {
  readonly namespace: string
  readonly name: string
  readonly pod: Pod
  readonly service: ClusterIp
  readonly targetPort: number
  readonly node: { readonly name: string; readonly zone: string; readonly address: string }
}

/** As the Deployment controller names what it makes. */
export const replicaSetName = (name: string): string => `${name}-6d4cf56db6`
export const podName = (name: string): string => `${replicaSetName(name)}-x7k2p`

/** Creates all of it: a Deployment, its ReplicaSet and pod, a Service with its EndpointSlices. */
export async function createServedWorkload(
  cluster: Kubernetes,
  workload: ServedWorkload,
): Promise<KubernetesPod> {
  const { namespace, name, node } = workload
  const head = { namespace, labels: { app: name } }
  const deployment = await createDeployment(cluster, { ...head, name })
  const replicaSet = await createReplicaSet(cluster, {
    ...head,
    name: replicaSetName(name),
    owner: deployment,
  })
  const pod = await createPod(cluster, {
    ...head,
    name: podName(name),
    owner: replicaSet,
    nodeName: node.name,
    containers: [name],
    podIPs: [workload.pod.ipv4, workload.pod.ipv6],
    hostIP: node.address,
  })
  await createAddresses(cluster, workload, pod)
  return pod
}

/** A Service with both ClusterIPs, and an EndpointSlice a family. */
async function createAddresses(
  cluster: Kubernetes,
  { namespace, name, service, targetPort, node, pod: { ipv4, ipv6 } }: ServedWorkload,
  pod: KubernetesPod,
): Promise<void> {
  await createService(cluster, {
    name,
    namespace,
    clusterIPs: [service.ipv4, service.ipv6],
    selector: { app: name },
    ports: [{ name: 'http', port: service.port, targetPort }],
  })
  for (const [family, address] of Object.entries({ ipv4, ipv6 })) {
    await createEndpointSlice(cluster, {
      name: `${name}-${family}`,
      namespace,
      service: name,
      ports: [{ name: 'http', port: targetPort }],
      endpoints: [{ address, pod, nodeName: node.name, zone: node.zone }],
    })
  }
}
