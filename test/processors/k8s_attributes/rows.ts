/**
 * Flow rows and Kubernetes objects for these tests, as the receiver and the API server make them.
 */
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { KIND, RESOLVED_BY, ROLE, STATE, TRANSPORT } from '../../../pipeline/flows/schema.ts'
import { fromNumber } from '../../../pipeline/u64.ts'
import { parseAddress } from '../../../processors/k8s_attributes/addresses.ts'
import type {
  EndpointSliceObject,
  PodObject,
  ServiceObject,
} from '../../../processors/k8s_attributes/objects.ts'

/** 2026-01-01T00:00:00Z in Unix ms. */
export const T0 = 1_767_225_600_000

export interface Row {
  readonly role: 'client' | 'server'
  readonly src: string
  readonly dst: string
  readonly dstPort?: number
  readonly flow?: number
  readonly netns?: number
  readonly comm?: string
  readonly podUid?: string
  readonly containerId?: string
  readonly unit?: string
  readonly executable?: string
  readonly transport?: 'tcp' | 'udp'
  readonly startMs?: number
  readonly kind?: 'connection' | 'exchange'
  /** Of the host that saw it: its boot, and its name in Kubernetes. */
  readonly boot?: string
  readonly hostNode?: string
}

export function batchOf(...rows: readonly Row[]): FlowBatch {
  const batch = new FlowBatch(Math.max(1, rows.length))
  for (const r of rows) append(batch, r)
  return batch
}

export function append(batch: FlowBatch, r: Row): number {
  const row = batch.addRow()
  const { base } = batch
  base.kind[row] = KIND[r.kind ?? 'connection']
  base.state[row] = STATE.open
  base.role[row] = ROLE[r.role]
  base.flow_id[2 * row] = r.flow ?? 0
  base.flow_id[2 * row + 1] = r.flow === undefined ? 0 : 0x1234
  base.src_address.set(bytes(r.src), 16 * row)
  base.dst_address.set(bytes(r.dst), 16 * row)
  base.src_port[row] = 40_000
  base.dst_port[row] = r.dstPort ?? 80
  base.netns[row] = r.netns ?? 0
  base.comm[row] = batch.strings.intern(r.comm ?? '')
  base.pod_uid[row] = batch.strings.intern(r.podUid ?? '')
  base.container_id[row] = batch.strings.intern(r.containerId ?? '')
  base.systemd_unit[row] = batch.strings.intern(r.unit ?? '')
  base.executable[row] = batch.strings.intern(r.executable ?? '')
  base.transport[row] = TRANSPORT[r.transport ?? 'tcp']
  if (r.boot !== undefined || r.hostNode !== undefined) {
    const origin = batch.add('origin')
    origin.boot_id[row] = batch.strings.intern(r.boot ?? '')
    origin.host_node[row] = batch.strings.intern(r.hostNode ?? '')
  }
  // Whole microseconds: a Unix time in nanoseconds is no safe integer, but this rounds the same.
  fromNumber(base.start, 2 * row, (r.startMs ?? T0 + 60_000) * 1e6)
  return row
}

export function bytes(text: string): Uint8Array {
  const address = parseAddress(text)
  if (address === undefined) throw new Error(`Not an address: ${text}`)
  return address
}

/** The non-empty columns of one side of a row. */
export function side(batch: FlowBatch, row: number, which: 'src' | 'dst'): Record<string, string> {
  const names: Record<string, string> = {}
  for (const [column, indices] of Object.entries(batch.k8s ?? {})) {
    if (!column.startsWith(`${which}_`) || !(indices instanceof Uint32Array)) continue
    const value = batch.text(indices, row)
    if (value !== '') names[column.slice(4)] = value
  }
  return names
}

/** How both ends of a row were found. */
export function resolvedBy(batch: FlowBatch, row: number): readonly [src: string, dst: string] {
  const of = (codes: Uint8Array | undefined) => RESOLVED_BY[codes?.[row] ?? 0] as string
  return [of(batch.k8s?.src_resolved_by), of(batch.k8s?.dst_resolved_by)]
}

export function pod(name: string, address: string, more: Partial<PodObject> = {}): PodObject {
  return {
    uid: `uid-${name}`,
    name,
    namespace: 'shop',
    node: 'worker-1',
    addresses: address === '' ? [] : [address],
    hostNetwork: false,
    startMs: T0,
    ended: false,
    finishedMs: undefined,
    deletionMs: undefined,
    owner: undefined,
    templateHash: '',
    staticUid: '',
    containers: [],
    hostPorts: [],
    annotatedName: '',
    labelledName: '',
    ...more,
  }
}

export function service(name: string, address: string, ports: readonly number[]): ServiceObject {
  return {
    uid: `uid-svc-${name}`,
    name,
    namespace: 'shop',
    addresses: [address],
    externalAddresses: [],
    balancerAddresses: [],
    ports,
    nodePorts: [],
  }
}

export function slice(of: string, pods: readonly string[]): EndpointSliceObject {
  return { uid: `uid-slice-${of}`, namespace: 'shop', service: of, pods, others: [], ports: [] }
}
