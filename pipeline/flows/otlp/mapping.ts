/**
 * Which column stands where in an OTLP log record: docs/FLOWS.md. Made from the schema, so that a
 * new column has its place without a word here.
 *
 *     ResourceLogs
 *       Resource                    service.name = flowspan, and the columns of RESOURCE
 *       ScopeLogs
 *         InstrumentationScope      name = SCOPE_NAME
 *         LogRecord                 one row
 *           time_unix_nano          end, or start as long as it has not ended
 *           observed_time_unix_nano observed
 *           trace_id, span_id       trace_id, span_id
 *           event_name              flowspan.connection, flowspan.exchange, … (kind)
 *           attributes              all others that are not 0
 */
import { COLUMN_GROUPS, type ColumnSpec, type GroupName, ROW_KINDS } from '../schema.ts'

/** The scope of records that are rows, and of no others. */
export const SCOPE_NAME = 'flowspan.flows'
export const SERVICE_NAME = 'flowspan'
export const EVENT_NAMES: readonly string[] = ROW_KINDS.map((kind) => `flowspan.${kind}`)
/** Names of columns, with spaces between, whose number is NaN: not known, and not 0. */
export const NOT_KNOWN = 'flowspan.not_known'

/** Semantic conventions that mean exactly what the column does; others are `flowspan.<column>`. */
const CONVENTIONS: Readonly<Record<string, string>> = {
  transport: 'network.transport',
  src_address: 'source.address',
  src_port: 'source.port',
  dst_address: 'destination.address',
  dst_port: 'destination.port',
  pid: 'process.pid',
  executable: 'process.executable.path',
  container_id: 'container.id',
  pod_uid: 'k8s.pod.uid',
  protocol: 'network.protocol.name',
  protocol_version: 'network.protocol.version',
  error: 'error.type',
  tls_server_name: 'tls.client.server_name',
  tls_version: 'tls.protocol.version',
  tls_cipher: 'tls.cipher',
  tls_alpn: 'tls.next_protocol',
  tls_resumed: 'tls.resumed',
  host_id: 'host.id',
  host_name: 'host.name',
  host_node: 'k8s.node.name',
  agent_id: 'service.instance.id',
}

/** Alike for all rows of a host's agent, and told once a batch. */
const RESOURCE: ReadonlySet<string> = new Set([
  'boot_id',
  'host_id',
  'host_name',
  'host_node',
  'agent_id',
])
/** Those that a record has fields for, and those that are bytes already. */
const FIELDS: ReadonlySet<string> = new Set([
  'kind',
  'end',
  'observed',
  'trace_id',
  'span_id',
  'attributes',
  'resource_attributes',
])

export interface MappedColumn {
  readonly group: GroupName
  readonly name: string
  readonly spec: ColumnSpec
  /** The key of the attribute. */
  readonly key: string
}

export const RESOURCE_COLUMNS: readonly MappedColumn[] = mapped((name) => RESOURCE.has(name))
export const RECORD_COLUMNS: readonly MappedColumn[] = mapped(
  (name) => !RESOURCE.has(name) && !FIELDS.has(name),
)

function mapped(wanted: (name: string) => boolean): readonly MappedColumn[] {
  return (Object.keys(COLUMN_GROUPS) as GroupName[]).flatMap((group) =>
    (Object.entries(COLUMN_GROUPS[group]) as [string, ColumnSpec][])
      .filter(([name]) => wanted(name))
      .map(([name, spec]) => ({ group, name, spec, key: keyOf(name) })),
  )
}

export function keyOf(column: string): string {
  return CONVENTIONS[column] ?? `flowspan.${column}`
}
