/**
 * The columns of a flow batch: one table that the batch, the flow log, and the docs are made from.
 *
 * A column's name is its key in the flow log, units last. Columns come in groups: `base` and
 * `origin` are the receiver's; processors add `k8s` and `stitch`. `rows` says for which kind of row
 * a column has a meaning, `absent` how "not known" is told apart from a value.
 */

/**
 * `listener`: a listening socket, where it had no room for those that wished to connect. `episode`:
 * the network was worse than before, between two ends, for a while.
 */
export const ROW_KINDS = ['connection', 'exchange', 'listener', 'episode'] as const
export const ROW_STATES = ['open', 'interim', 'closed'] as const
export const ROLES = ['client', 'server'] as const
/** What carries a flow: `network.transport`. */
export const TRANSPORTS = ['tcp', 'udp'] as const
/**
 * Why a connection ended. `aborted`: the application gave the connect up. Of UDP: `idle`, nothing
 * came for a while; `released`, the socket was closed.
 */
export const CLOSE_REASONS = [
  'none',
  'fin',
  'rst_sent',
  'rst_received',
  'timeout',
  'refused',
  'unreachable',
  'aborted',
  'idle',
  'released',
] as const
/**
 * How it was found who stands at an end. Of the end that this host saw: by its cgroup, its address
 * or its network namespace. `partner`: the other end was seen as well, by whichever host, and told
 * itself. The rest is what an address says of an end that nobody saw: docs/IDENTITY.md.
 */
export const RESOLVED_BY = [
  'unknown',
  'partner',
  'pod_uid',
  'container_id',
  'pod_ip',
  'netns',
  'cluster_ip',
  'external_ip',
  'load_balancer',
  'node_port',
  'host_port',
  'endpoint',
  'node',
] as const
/**
 * Why nobody saw how an exchange ended: whoever watched it stopped, or has not been heard of since;
 * or the capture ends before it.
 */
export const UNFINISHED_REASONS = ['none', 'agent_stopped', 'agent_lost', 'capture_ended'] as const
/** What was worse: segments took longer; they came at uneven times; they were lost. */
export const EPISODE_KINDS = ['none', 'delay', 'jitter', 'loss', 'unanswered'] as const
/** How a cause or a parent was found. */
export const LINK_METHODS = ['none', 'header', 'identity', 'thread', 'coroutine', 'timing'] as const

export type RowKind = (typeof ROW_KINDS)[number]
export type EpisodeKind = (typeof EPISODE_KINDS)[number]
export type CloseReason = (typeof CLOSE_REASONS)[number]
export type ResolvedBy = (typeof RESOLVED_BY)[number]
export type UnfinishedReason = (typeof UNFINISHED_REASONS)[number]
export type LinkMethod = (typeof LINK_METHODS)[number]

/** Codes as stored in the columns: `CODE.exchange === ROW_KINDS.indexOf('exchange')`. */
export const KIND = codes(ROW_KINDS)
export const STATE = codes(ROW_STATES)
export const ROLE = codes(ROLES)
export const TRANSPORT = codes(TRANSPORTS)
export const CLOSE_REASON = codes(CLOSE_REASONS)
export const RESOLVED = codes(RESOLVED_BY)
export const LINK_METHOD = codes(LINK_METHODS)
export const UNFINISHED = codes(UNFINISHED_REASONS)
export const EPISODE_KIND = codes(EPISODE_KINDS)

function codes<const T extends readonly string[]>(names: T): { readonly [K in T[number]]: number } {
  return Object.fromEntries(names.map((name, i) => [name, i])) as {
    [K in T[number]]: number
  }
}

/**
 * How a column stores its values:
 * - `u8 u16 u32 f64`: plain numbers;
 * - `enum`: u8, an index into `values`; `flag`: u8, 0 or 1;
 * - `string`: u32, an index into the batch's string table, 0 the empty string;
 * - `u64`: two u32, low half first; `time`: the same, nanoseconds since the Unix epoch;
 * - `id64`, `id128`: two and four u32, low half first; all zero is no id;
 * - `address`: 16 bytes, IPv4 as `::ffff:a.b.c.d`;
 * - `attributes`: as `string`: OTLP `KeyValue` fields as bytes, a character each.
 */
export type ColumnType =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'f64'
  | 'enum'
  | 'flag'
  | 'string'
  | 'u64'
  | 'time'
  | 'id64'
  | 'id128'
  | 'address'
  | 'attributes'

export interface ColumnSpec {
  readonly type: ColumnType
  readonly rows: 'all' | RowKind
  /** `zero`: 0 (or NaN) is "not known" and left out of the log; `never`: 0 is a value. */
  readonly absent: 'zero' | 'never'
  readonly values?: readonly string[]
  readonly doc: string
}

function column<const T extends ColumnType>(
  type: T,
  rows: 'all' | RowKind,
  doc: string,
  more: { absent?: 'zero' | 'never'; values?: readonly string[] } = {},
): ColumnSpec & { readonly type: T } {
  return { type, rows, doc, absent: more.absent ?? 'zero', ...more }
}

export const BASE_COLUMNS = {
  kind: column('enum', 'all', 'connection, exchange, listener or episode', {
    values: ROW_KINDS,
    absent: 'never',
  }),
  state: column('enum', 'all', 'open, interim or closed', { values: ROW_STATES, absent: 'never' }),
  role: column('enum', 'all', "this host's end: client or server", {
    values: ROLES,
    absent: 'never',
  }),
  transport: column('enum', 'all', 'tcp; udp: the datagrams between two ends', {
    values: TRANSPORTS,
    absent: 'never',
  }),
  flow_id: column('id64', 'all', 'mix64 of the pair of initial sequence numbers'),
  flow_id_local: column('flag', 'all', 'the id was made from addresses, ports and start'),
  src_address: column('address', 'all', "the client's address as this host sees it"),
  src_port: column('u16', 'all', "the client's port as this host sees it"),
  dst_address: column('address', 'all', "the server's address as this host sees it"),
  dst_port: column('u16', 'all', "the server's port as this host sees it"),
  pid: column('u32', 'all', 'process that connected; for accepted sockets first read or wrote'),
  comm: column('string', 'all', "the process's name, as the kernel has it (15 characters)"),
  netns: column('u32', 'all', 'inode of the network namespace'),
  cgroup_id: column('u64', 'all', 'id of the cgroup v2; of v1 with the highest bit set'),
  executable: column('string', 'all', "path of the process's program, as its container has it"),
  container_id: column('string', 'all', "container of this end, by its cgroup's path"),
  pod_uid: column('string', 'all', "uid of this end's pod, by its cgroup's path"),
  systemd_unit: column('string', 'all', "service or scope of this end, by its cgroup's path"),
  start: column('time', 'all', 'SYN sent or taken; first byte of the request'),
  end: column('time', 'all', 'closed; last byte of the response'),
  lossy: column('flag', 'all', 'records this row is made from were lost'),

  close_reason: column('enum', 'connection', 'how it ended', { values: CLOSE_REASONS }),
  connect_us: column('f64', 'all', 'SYN to ESTABLISHED; NaN when not known'),
  bytes_sent: column('f64', 'connection', 'application bytes, each once', { absent: 'never' }),
  bytes_received: column('f64', 'connection', 'application bytes', { absent: 'never' }),
  segments_sent: column('u32', 'connection', 'segments (tcp_sock.segs_out) or datagrams', {
    absent: 'never',
  }),
  segments_received: column('u32', 'connection', 'segments (tcp_sock.segs_in) or datagrams', {
    absent: 'never',
  }),
  retransmits: column('u32', 'all', 'segments sent again, SYNs apart; queries of DNS', {
    absent: 'never',
  }),
  syn_retries: column('u32', 'connection', "a client's SYNs sent again", { absent: 'never' }),
  synack_retries: column('u32', 'all', "a server's SYN-ACKs sent again"),
  lost: column('u32', 'connection', 'tcp_sock.lost: segments marked lost', { absent: 'never' }),
  srtt_us: column('u32', 'all', 'smoothed round-trip time'),
  rttvar_us: column('u32', 'connection', 'mean deviation of the round-trip time'),
  min_rtt_us: column('u32', 'all', 'least round-trip time in the kernel’s window'),
  worst_rtt_100ms_us: column('u32', 'connection', 'the highest mean of round trips in 100 ms'),
  isn_client: column('u32', 'connection', "client's initial sequence number"),
  isn_server: column('u32', 'connection', "server's initial sequence number"),
  older: column('flag', 'connection', 'opened before capture began: its start is not known'),
  drops: column('u32', 'connection', 'its packets that the kernel dropped, at this end'),
  drop_reason: column('string', 'connection', "skb_drop_reason of most of them, the kernel's name"),
  busy_us: column('f64', 'connection', 'time with data sent or waiting to be, limited or not'),
  rwnd_limited_us: column('f64', 'connection', "of that, held up by the peer's receive window"),
  sndbuf_limited_us: column('f64', 'connection', 'of that, held up by the send buffer'),
  idle_us: column('f64', 'connection', 'established, and the application had nothing to send'),
  reord_seen: column('u32', 'connection', 'times that segments were seen out of order'),
  dsack_dups: column('u32', 'connection', 'segments that the peer says it got twice'),
  delivered_ce: column('u32', 'connection', 'segments delivered with a congestion mark (ECN)'),
  delivery_rate: column('f64', 'connection', 'bytes a second, last measured while sending'),
  last_data_sent_ms: column('u32', 'connection', 'how long ago data was sent last'),
  last_data_received_ms: column('u32', 'connection', 'how long ago data came last'),
  // What has come about since the row before of this connection: rows can be added up.
  bytes_sent_delta: column('f64', 'connection', 'bytes_sent since its row before'),
  bytes_received_delta: column('f64', 'connection', 'bytes_received since its row before'),
  datagrams_sent_delta: column('u32', 'connection', 'of UDP: segments_sent since its row before'),
  datagrams_received_delta: column('u32', 'connection', 'of UDP: segments_received, the same'),
  retransmits_delta: column('u32', 'connection', 'retransmits since its row before'),
  drops_delta: column('u32', 'connection', 'drops since its row before'),
  busy_delta_us: column('f64', 'connection', 'busy_us since its row before'),
  rwnd_limited_delta_us: column('f64', 'connection', 'rwnd_limited_us since its row before'),
  sndbuf_limited_delta_us: column('f64', 'connection', 'sndbuf_limited_us since its row before'),

  listen_drops: column('u32', 'listener', 'SYNs and last ACKs dropped since it was first seen'),
  listen_drops_delta: column('u32', 'listener', 'listen_drops since its row before'),
  synack_retries_delta: column('u32', 'listener', 'synack_retries since its row before'),
  accept_queue: column('u32', 'listener', 'connections that wait for accept()', {
    absent: 'never',
  }),
  accept_queue_max: column('u32', 'listener', "what listen() allowed, and the kernel's limit", {
    absent: 'never',
  }),

  episode_kind: column('enum', 'episode', 'delay, jitter, loss, or SYNs unanswered', {
    values: EPISODE_KINDS,
  }),
  episode_id: column('id64', 'episode', 'the same in all rows of an episode'),
  worst_us: column('f64', 'episode', 'delay added one way; jitter: mean change between segments'),
  worst_loss: column('f64', 'episode', 'loss events to a data segment sent, at the worst'),
  flows: column('u32', 'episode', 'flows that have shown it', { absent: 'never' }),
  flow_ids: column('string', 'episode', 'flow_id of up to 16 of them, with commas between'),

  tls_server_name: column('string', 'connection', 'host name that the ClientHello asks for'),
  tls_version: column('string', 'connection', '1.0 to 1.3, as the ServerHello chose'),
  tls_cipher: column('string', 'connection', "IANA's name of the cipher suite chosen"),
  tls_alpn: column('string', 'connection', 'protocol agreed on; of TLS 1.3 the only one offered'),
  tls_handshake_us: column('f64', 'connection', 'ClientHello to the last flight of the handshake'),
  tls_resumed: column('flag', 'connection', 'a session was taken up again'),
  tls_ech: column('flag', 'connection', 'the name may be the outer one of an encrypted hello'),

  protocol: column(
    'string',
    'all',
    'http, grpc, dns, redis, kafka, …; of a connection by tls_alpn',
  ),
  protocol_version: column('string', 'all', '1.0, 1.1, 2'),
  method: column('string', 'exchange', 'request method or operation'),
  target: column('string', 'exchange', 'path and query; table, key pattern, topic, name'),
  query: column('string', 'exchange', 'text of the request, values replaced'),
  namespace: column('string', 'exchange', 'database, or what else stands above the target'),
  host: column('string', 'exchange', 'authority that the request names'),
  partition: column('string', 'exchange', 'partition of the target, where there is exactly one'),
  messages: column('u32', 'exchange', 'messages of a batch that is sent'),
  client_id: column('string', 'exchange', 'name that the client gives itself'),
  wait_max_ms: column('u32', 'exchange', 'how long the request lets the server wait on purpose'),
  status: column('u16', 'exchange', 'status code of the response'),
  error: column('string', 'exchange', 'error.type, where status does not tell'),
  answers: column('string', 'exchange', 'addresses that a DNS look-up gave, with commas between'),
  answer_truncated: column('flag', 'exchange', 'DNS: the answer did not fit into a datagram'),
  request_bytes: column('f64', 'exchange', 'request with its head', { absent: 'never' }),
  response_bytes: column('f64', 'exchange', 'response with its head', { absent: 'never' }),
  ttfb_us: column('f64', 'exchange', 'last byte of the request to first of the response'),
  duration_us: column('f64', 'exchange', 'first byte of the request to last of the response'),
  request_offset: column('f64', 'exchange', 'first byte of the request in its stream', {
    absent: 'never',
  }),
  cause_flow_id: column('id64', 'exchange', 'flow of the request that caused this one'),
  cause_offset: column('f64', 'exchange', 'its offset there; NaN without a cause', {
    absent: 'never',
  }),
  cause_method: column('enum', 'exchange', 'how the cause was found', { values: LINK_METHODS }),
  cause_confidence: column('f64', 'exchange', '0 to 1; NaN without a cause'),
  wire_trace_id: column('id128', 'exchange', "traceparent's trace id (W3C Trace Context)"),
  wire_span_id: column('id64', 'exchange', "traceparent's parent id"),
  wire_trace_flags: column('u8', 'exchange', "traceparent's flags"),
  truncated: column('flag', 'exchange', 'the head was longer than what was captured'),
  desynchronised: column('flag', 'exchange', 'bytes of this exchange were not seen'),
  unfinished: column('enum', 'exchange', 'why its end is not known; end: when it still went on', {
    values: UNFINISHED_REASONS,
  }),
  ambiguous: column(
    'flag',
    'exchange',
    'its ends may disagree on where a body ends (RFC 9112 §6.3)',
  ),
} as const

/** What Kubernetes knows of one end; the group holds it twice, for `src_` and for `dst_`. */
export const END_COLUMNS = {
  service_name: column('string', 'all', 'service.name of this end'),
  k8s_namespace: column('string', 'all', 'k8s.namespace.name'),
  k8s_pod: column('string', 'all', 'k8s.pod.name'),
  k8s_pod_uid: column('string', 'all', 'k8s.pod.uid'),
  k8s_workload_kind: column('string', 'all', 'Deployment, StatefulSet, DaemonSet, Job, …'),
  k8s_workload: column('string', 'all', 'name of the outermost owner'),
  k8s_replicaset: column('string', 'all', 'k8s.replicaset.name'),
  k8s_node: column('string', 'all', 'k8s.node.name'),
  k8s_container: column('string', 'all', 'k8s.container.name'),
  container_image: column('string', 'all', "the container's image: name and tag"),
  k8s_service: column('string', 'all', 'Service that the address or the pod belongs to'),
  zone: column('string', 'all', 'topology.kubernetes.io/zone of the node'),
} as const

type Prefixed<P extends string, T> = { [K in keyof T & string as `${P}_${K}`]: T[K] }

function prefixed<P extends string, T extends object>(prefix: P, columns: T): Prefixed<P, T> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, spec]) => [`${prefix}_${name}`, spec]),
  ) as Prefixed<P, T>
}

export const K8S_COLUMNS = {
  ...prefixed('src', END_COLUMNS),
  ...prefixed('dst', END_COLUMNS),
  src_resolved_by: column('enum', 'all', 'how the client was found', { values: RESOLVED_BY }),
  dst_resolved_by: column('enum', 'all', 'how the server was found', { values: RESOLVED_BY }),
}

export const STITCH_COLUMNS = {
  trace_id: column('id128', 'exchange', 'trace this exchange belongs to'),
  span_id: column('id64', 'exchange', "this end's span"),
  parent_span_id: column('id64', 'exchange', "the parent's span; none for a root"),
  link_method: column('enum', 'exchange', 'how the parent was found', { values: LINK_METHODS }),
  link_confidence: column('f64', 'exchange', '0 to 1; NaN for a root'),
  candidate_trace_id: column('id128', 'exchange', 'a parent not certain enough: its trace'),
  candidate_span_id: column('id64', 'exchange', 'a parent not certain enough: its span'),
} as const

/**
 * Who saw a row, for where rows of many hosts meet. `boot_id` tells kernels apart: pids, network
 * namespaces and cgroup ids have a meaning within one boot only. `agent_id` and `sequence` are a
 * row's identity: two rows that have both in common are one row that was delivered twice.
 */
export const ORIGIN_COLUMNS = {
  boot_id: column('string', 'all', "kernel's boot: /proc/sys/kernel/random/boot_id"),
  host_id: column('string', 'all', 'host.id: /etc/machine-id'),
  host_name: column('string', 'all', 'host.name'),
  host_node: column('string', 'all', 'k8s.node.name of the host'),
  agent_id: column('string', 'all', 'service.instance.id: one run of the receiver'),
  sequence: column('f64', 'all', "the row's number in that run, from 1"),
  observed: column('time', 'all', 'when the receiver handed the row on, by its clock'),
} as const

/** What came with a row over OTLP and no column takes: it goes on as it came. */
export const CARRIED_COLUMNS = {
  attributes: column('attributes', 'all', "the log record's, and its other fields"),
  resource_attributes: column('attributes', 'all', "the resource's, and its other fields"),
} as const

export const COLUMN_GROUPS = {
  base: BASE_COLUMNS,
  k8s: K8S_COLUMNS,
  stitch: STITCH_COLUMNS,
  origin: ORIGIN_COLUMNS,
  carried: CARRIED_COLUMNS,
} as const

export type GroupName = keyof typeof COLUMN_GROUPS
