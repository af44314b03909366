/**
 * The OTLP resource of a row's local end: who made the spans and metrics.
 * Names are the OpenTelemetry semantic conventions' (k8s, service, process, cloud).
 */
import {
  type AttributeValue,
  writeBool,
  writeDouble,
  writeInt,
  writeString,
} from '../otlp/attributes.ts'
import { LEN, tag, WireWriter } from '../otlp/wire.ts'
import type { EndNames } from './ends.ts'
import { executableName, processName, processServiceName } from './process_name.ts'

const UNKNOWN_SERVICE = 'unknown_service'
/** `repeated KeyValue attributes = 1` of Resource. */
const RESOURCE_ATTRIBUTES = tag(1, LEN)

/** Attributes of one end in order, absent ones left out. `prefix` stands before every key. */
export function k8sAttributes(names: EndNames, prefix = ''): [key: string, value: string][] {
  const kind = names.k8s_workload_kind.toLowerCase()
  const pairs: [string, string][] = [
    ['k8s.namespace.name', names.k8s_namespace],
    ['k8s.pod.name', names.k8s_pod],
    [`k8s.${kind}.name`, kind === '' ? '' : names.k8s_workload],
    ['k8s.replicaset.name', kind === 'replicaset' ? '' : names.k8s_replicaset],
    ['k8s.node.name', names.k8s_node],
    ['cloud.availability_zone', names.zone],
  ]
  return pairs.filter(([, value]) => value !== '').map(([key, value]) => [prefix + key, value])
}

export function resourceAttributes(names: EndNames): [key: string, value: string][] {
  const pairs: [string, string][] = [
    ['service.name', names.service_name || processServiceName(names) || UNKNOWN_SERVICE],
    ['service.namespace', names.k8s_namespace],
    ...k8sAttributes(names),
    ['k8s.pod.uid', names.k8s_pod_uid || names.pod_uid],
    ['k8s.container.name', names.k8s_container],
    ['container.id', names.container_id],
    ['container.image.name', imageName(names.container_image)],
    ['systemd.unit.name', names.systemd_unit],
    ['process.executable.name', executableName(names.executable) || processName(names.comm)],
    ['process.executable.path', names.executable],
  ]
  return pairs.filter(([, value]) => value !== '')
}

/** Without tag and digest: a tag stands behind the last slash, a registry's port before it. */
function imageName(image: string): string {
  const [name = ''] = image.split('@', 1)
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1)
  return colon < 0 ? name : name.slice(0, colon)
}

/** What a span says of its remote end. */
export function peerAttributes(names: EndNames): [key: string, value: string][] {
  const pairs: [string, string][] = [
    ['peer.service', names.service_name],
    ...k8sAttributes(names, 'peer.'),
    ['peer.k8s.service.name', names.k8s_service],
  ]
  return pairs.filter(([, value]) => value !== '')
}

/** The fields of a Resource message, to be written where one is open (`SignalWriter.raw`). */
export function encodeResource(names: EndNames): Uint8Array {
  return encodeFields(RESOURCE_ATTRIBUTES, resourceAttributes(names))
}

/** Reused, as most of what is encoded is a few attributes: empty between two calls. */
const wire = new WireWriter(1024)

/** Attributes as fields of the message whose attributes have the tag given. */
export function encodeFields(
  attributes: number,
  pairs: readonly (readonly [key: string, value: AttributeValue])[],
): Uint8Array {
  for (const [key, value] of pairs) {
    const start = wire.open(attributes, 1)
    if (typeof value === 'string') writeString(wire, key, value)
    else if (typeof value === 'boolean') writeBool(wire, key, value)
    else if (Number.isSafeInteger(value)) writeInt(wire, key, value)
    else writeDouble(wire, key, value)
    wire.close(start, 1)
  }
  return wire.take()
}
