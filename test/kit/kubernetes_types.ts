/** Shapes of the Kubernetes objects that tests write: what flowspan reads of them, no more. */

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
}

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
}

/** An object as the API server gives it back. */
export interface KubernetesObject<Spec = unknown, Status = unknown> {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly spec: Spec
  readonly status: Status
}

/** What names an object's place in the API. */
export interface ObjectName {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** The head that all objects have. */
export interface Head {
  readonly name: string
  /** Of what has one: default `default`. */
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** The controller that this object belongs to. */
  readonly owner?: KubernetesObject | OwnerReference
}

export interface NodeSettings extends Head {
  /** InternalIPs. */
  readonly addresses?: readonly string[]
  /** `topology.kubernetes.io/zone`. */
  readonly zone?: string
}

export interface PodStatus {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
  readonly podIP?: string
  readonly podIPs?: readonly { readonly ip: string }[]
  readonly hostIP?: string
  readonly startTime?: string
}

export interface PodSpec {
  readonly nodeName?: string
  readonly hostNetwork?: boolean
  readonly containers: readonly { readonly name: string; readonly image: string }[]
}

export type KubernetesPod = KubernetesObject<PodSpec, PodStatus>

export interface ContainerStatus {
  readonly name: string
  /** With its runtime's name: `containerd://…`. */
  readonly containerID: string
}

export interface PodStatusSettings {
  readonly containerStatuses?: readonly ContainerStatus[]
  /** Default Running. */
  readonly phase?: PodStatus['phase']
  /** At most one of each family; the first is `podIP`. */
  readonly podIPs?: readonly string[]
  /** The node's. */
  readonly hostIP?: string
  /** Default now. */
  readonly startTime?: string
}

export interface PodSettings extends Head, PodStatusSettings {
  readonly nodeName?: string
  readonly hostNetwork?: boolean
  /** Names; default one container `main`. */
  readonly containers?: readonly string[]
}

export interface ServicePort {
  readonly name?: string
  readonly port: number
  readonly targetPort?: number
  readonly protocol?: 'TCP' | 'UDP'
}

export interface ServiceSettings extends Head {
  /** One of each family at most, in SERVICE_RANGES, or `['None']`; default: one is allocated. */
  readonly clusterIPs?: readonly string[]
  readonly ports: readonly ServicePort[]
  readonly selector?: Readonly<Record<string, string>>
}

export type KubernetesService = KubernetesObject<{
  readonly clusterIP: string
  readonly clusterIPs: readonly string[]
}>

export interface EndpointSettings {
  readonly address: string
  readonly pod?: KubernetesObject
  readonly nodeName?: string
  readonly zone?: string
  /** Default true. */
  readonly ready?: boolean
}

export interface EndpointSliceSettings extends Head {
  /** Name of the Service. */
  readonly service: string
  /** All of one family. */
  readonly endpoints: readonly EndpointSettings[]
  readonly ports: readonly { readonly name?: string; readonly port: number }[]
}
