/**
 * Made from bpf/events.h by tools/btf2ts.ts (`npm run gen`); do not edit.
 * Structs: size in bytes, then the byte offset of each field. All little-endian.
 */

export const RECORD_TYPE = {
  RECORD_CONNECTION: 1,
  RECORD_PAYLOAD: 2,
  RECORD_LISTENER: 3,
  RECORD_CGROUP: 16,
  RECORD_PROCESS: 17,
  RECORD_UDP: 4,
  RECORD_DATAGRAM: 5,
  RECORD_EYE: 6,
} as const

export const CONN_STATE = {
  CONN_OPEN: 0,
  CONN_INTERIM: 1,
  CONN_CLOSED: 2,
} as const

export const CONN_ROLE = {
  ROLE_CLIENT: 0,
  ROLE_SERVER: 1,
} as const

export const CLOSE_REASON = {
  CLOSE_NONE: 0,
  CLOSE_FIN: 1,
  CLOSE_RST_SENT: 2,
  CLOSE_RST_RECEIVED: 3,
  CLOSE_TIMEOUT: 4,
  CLOSE_REFUSED: 5,
  CLOSE_UNREACHABLE: 6,
  CLOSE_ABORTED: 7,
  CLOSE_IDLE: 8,
  CLOSE_RELEASED: 9,
} as const

export const DIRECTION = {
  DIRECTION_RECEIVED: 0,
  DIRECTION_SENT: 1,
} as const

export const CONN_FLAG = {
  CONN_ID_LOCAL: 1,
  CONN_OLDER: 2,
} as const

export const PAYLOAD_FLAG = {
  PAYLOAD_FAULT: 1,
  PAYLOAD_AGAIN: 2,
} as const

export const COUNTER = {
  COUNTER_CONN_EVENTS: 0,
  COUNTER_CONN_LOST_RING: 1,
  COUNTER_PAYLOAD_EVENTS: 2,
  COUNTER_PAYLOAD_LOST_RING: 3,
  COUNTER_CONN_LOST_STORAGE: 4,
  COUNTER_CONN_OWN: 5,
  COUNTER_PAYLOAD_FAULT: 6,
  COUNTER_CONN_MISSED: 7,
  COUNTER_PAYLOAD_MISSED: 8,
  COUNTER_INTERIM_PUT_OFF: 9,
  COUNTER_OLDER_FOUND: 10,
  COUNTER_OLDER_MET: 11,
  COUNTER_OLDER_SHARED: 12,
  COUNTER_OLDER_QUEUED: 13,
  COUNTER_OLDER_MPTCP: 14,
  COUNTER_LISTENER_LOST_RING: 15,
  COUNTER_LISTENER_EVENTS: 16,
  COUNTER_IDENTITY_EVENTS: 64,
  COUNTER_IDENTITY_LOST_RING: 65,
  COUNTER_UDP_EVENTS: 32,
  COUNTER_UDP_LOST_RING: 33,
  COUNTER_UDP_LOST_FLOWS: 34,
  COUNTER_UDP_LOST_HEADERS: 35,
  COUNTER_UDP_OWN: 36,
  COUNTER_CONN_UNSELECTED: 48,
  COUNTER_UDP_UNSELECTED: 49,
  COUNTER_MARKS_LOST_STORAGE: 50,
  COUNTER_EYE_EVENTS: 96,
  COUNTER_EYE_LOST_RING: 97,
  COUNTER_EDGES_FULL: 98,
  COUNTER_DROPS: 256,
  COUNTER_DROPS_OTHER: 511,
  COUNTER_MAX: 512,
} as const

export const COUNTER_SLOTS = {
  COUNTERS_BY_CPU: 8,
  COUNTER_CPUS: 128,
  COUNTER_SLOTS: 1536,
} as const

export const BOOKED = {
  BOOKED_HELD: 512,
  BOOKED_ASLEEP: 513,
  BOOKED_MAX: 1024,
} as const

export const CAPTURE_LIMIT = {
  CAPTURE_MAX: 8192,
} as const

export const WANT_LIMIT = {
  WANTS_MAX: 16384,
} as const

export const SELECTION_BIT = {
  SELECT_NETNS: 1,
  SELECT_CGROUP: 2,
  SELECT_PORTS: 4,
  SELECT_CIDRS: 8,
  SELECT_RULES: 255,
  SELECT_SET: 256,
  SELECT_MEETS: 512,
} as const

export const SELECTION_LIST = {
  LIST_INCLUDE: 1,
  LIST_EXCLUDE: 2,
} as const

export const SELECTION_LIMIT = {
  SELECT_EXCLUDE: 4,
  SELECT_CHANGE: 16,
  NAMED_MAX: 1024,
  CIDRS_MAX: 2048,
  PORT_WORDS: 1024,
  CGROUP_LEVELS: 16,
} as const

export const IDENTITY_LIMIT = {
  CGROUP_NAMES_MAX: 768,
  PROGRAM_NAMES_MAX: 512,
} as const

export const IDENTITY_FLAG = {
  PATH_CUT: 1,
} as const

export const CgroupRecord = {
  size: 784,
  type: 0, // __u8
  flags: 1, // __u8
  length: 2, // __u16
  pad: 4, // __u32
  cgroup_id: 8, // __u64
  names: 16, // char[768]
} as const

export const ProcessRecord = {
  size: 528,
  type: 0, // __u8
  flags: 1, // __u8
  length: 2, // __u16
  pid: 4, // __u32
  cgroup_id: 8, // __u64
  names: 16, // char[512]
} as const

export const ConnFigures = {
  size: 112,
  sent_since: 0, // __u64
  received_since: 8, // __u64
  busy_us: 16, // __u64
  rwnd_limited_us: 24, // __u64
  sndbuf_limited_us: 32, // __u64
  busy_since_us: 40, // __u64
  rwnd_limited_since_us: 48, // __u64
  sndbuf_limited_since_us: 56, // __u64
  delivery_rate: 64, // __u64
  retrans_since: 72, // __u32
  drops: 76, // __u32
  drops_since: 80, // __u32
  drop_reason: 84, // __u32
  reord_seen: 88, // __u32
  dsack_dups: 92, // __u32
  delivered_ce: 96, // __u32
  last_sent_ms: 100, // __u32
  last_received_ms: 104, // __u32
  worst_rtt_us: 108, // __u32
} as const

export const UDP_LIMIT = {
  DNS_PORTS_MAX: 8,
  DATAGRAM_MAX: 4096,
} as const

export const ConnRecord = {
  size: 296,
  type: 0, // __u8
  state: 1, // __u8
  role: 2, // __u8
  close_reason: 3, // __u8
  flags: 4, // __u8
  pad: 5, // __u8[3]
  conn_id: 8, // __u64
  flow_id: 16, // __u64
  start_ns: 24, // __u64
  established_ns: 32, // __u64
  end_ns: 40, // __u64
  cgroup_id: 48, // __u64
  bytes_sent: 56, // __u64
  bytes_received: 64, // __u64
  netns: 72, // __u32
  pid: 76, // __u32
  tid: 80, // __u32
  isn_client: 84, // __u32
  isn_server: 88, // __u32
  segs_out: 92, // __u32
  segs_in: 96, // __u32
  retrans: 100, // __u32
  syn_retries: 104, // __u32
  lost: 108, // __u32
  srtt_us: 112, // __u32
  rttvar_us: 116, // __u32
  min_rtt_us: 120, // __u32
  sleeps: 124, // __u32
  pad2: 128, // __u32
  local_port: 132, // __u16
  remote_port: 134, // __u16
  figures: 136, // conn_figures
  local_addr: 248, // __u8[16]
  remote_addr: 264, // __u8[16]
  comm: 280, // char[16]
} as const

export const ListenerRecord = {
  size: 88,
  type: 0, // __u8
  state: 1, // __u8
  local_port: 2, // __u16
  netns: 4, // __u32
  cgroup_id: 8, // __u64
  time_ns: 16, // __u64
  pid: 24, // __u32
  drops: 28, // __u32
  drops_since: 32, // __u32
  synack_retries: 36, // __u32
  synack_retries_since: 40, // __u32
  accept_queue: 44, // __u32
  accept_queue_max: 48, // __u32
  pad: 52, // __u32
  local_addr: 56, // __u8[16]
  comm: 72, // char[16]
} as const

export const PayloadRecord = {
  size: 88,
  type: 0, // __u8
  direction: 1, // __u8
  role: 2, // __u8
  flags: 3, // __u8
  len: 4, // __u32
  captured: 8, // __u32
  pid: 12, // __u32
  tid: 16, // __u32
  srtt_us: 20, // __u32
  min_rtt_us: 24, // __u32
  retrans: 28, // __u32
  sleeps: 32, // __u32
  skipped: 36, // __u32
  conn_id: 40, // __u64
  offset: 48, // __u64
  time_ns: 56, // __u64
  tail: 64, // __u8[8]
  comm: 72, // char[16]
} as const

export const Want = {
  size: 32,
  conn_id: 0, // __u64
  from: 8, // __u64[2]
  bytes: 24, // __u32[2]
} as const

export const SPOKEN_LIMIT = {
  SPOKEN_MAX: 16384,
  SPOKEN_NAME_MAX: 40,
} as const

export const Spoken = {
  size: 64,
  conn_id: 0, // __u64
  protocol: 8, // __u8
  pipelines: 9, // __u8
  length: 10, // __u16
  words: 12, // __u32[2]
  pad: 20, // __u32
  name: 24, // char[40]
} as const

export const Knobs = {
  size: 56,
  capture_small: 0, // __u32
  capture_max: 4, // __u32
  jiffy_us: 8, // __u32
  payload_bytes: 12, // __u32
  interim_ns: 16, // __u64
  udp: 24, // udp_knobs
  eye: 48, // eye_knobs
} as const

export const UdpKnobs = {
  size: 24,
  idle_ns: 0, // __u64
  dns_ports: 8, // __u16[8]
} as const

export const EyeKnobs = {
  size: 8,
  delay_us: 0, // __u32
  jitter_us: 4, // __u32
} as const

export const UdpRecord = {
  size: 168,
  type: 0, // __u8
  state: 1, // __u8
  role: 2, // __u8
  close_reason: 3, // __u8
  netns: 4, // __u32
  flow_id: 8, // __u64
  start_ns: 16, // __u64
  end_ns: 24, // __u64
  cgroup_id: 32, // __u64
  bytes_sent: 40, // __u64
  bytes_received: 48, // __u64
  datagrams_sent: 56, // __u64
  datagrams_received: 64, // __u64
  bytes_sent_since: 72, // __u64
  bytes_received_since: 80, // __u64
  datagrams_sent_since: 88, // __u64
  datagrams_received_since: 96, // __u64
  drops: 104, // __u32
  drops_since: 108, // __u32
  pid: 112, // __u32
  local_port: 116, // __u16
  remote_port: 118, // __u16
  local_addr: 120, // __u8[16]
  remote_addr: 136, // __u8[16]
  comm: 152, // char[16]
} as const

export const DatagramRecord = {
  size: 96,
  type: 0, // __u8
  direction: 1, // __u8
  local_port: 2, // __u16
  remote_port: 4, // __u16
  pad: 6, // __u16
  len: 8, // __u32
  captured: 12, // __u32
  netns: 16, // __u32
  pid: 20, // __u32
  tid: 24, // __u32
  sleeps: 28, // __u32
  cgroup_id: 32, // __u64
  time_ns: 40, // __u64
  local_addr: 48, // __u8[16]
  remote_addr: 64, // __u8[16]
  comm: 80, // char[16]
} as const

export const Sweep = {
  size: 4,
  again: 0, // __u32
} as const

export const NamedRule = {
  size: 16,
  set: 0, // __u32
  key: 4, // __u32
  value: 8, // __u64
} as const

export const CidrRule = {
  size: 24,
  prefixlen: 0, // __u32
  set: 4, // __u32
  addr: 8, // __u8[16]
} as const

export const EYE_SIGN = {
  EYE_DELAY: 1,
  EYE_JITTER: 2,
  EYE_LOSS: 3,
  EYE_UNANSWERED: 4,
  EYE_SIGNS: 5,
} as const

export const EyeRecord = {
  size: 152,
  type: 0, // __u8
  sign: 1, // __u8
  role: 2, // __u8
  flags: 3, // __u8
  netns: 4, // __u32
  edge_id: 8, // __u64
  flow_id: 16, // __u64
  cgroup_id: 24, // __u64
  time_ns: 32, // __u64
  since_ns: 40, // __u64
  segs_out: 48, // __u64
  losses: 56, // __u64
  retrans: 64, // __u64
  least_us: 72, // __u32
  most_us: 76, // __u32
  samples: 80, // __u32
  srtt_us: 84, // __u32
  min_rtt_us: 88, // __u32
  pid: 92, // __u32
  local_port: 96, // __u16
  remote_port: 98, // __u16
  pad: 100, // __u32
  local_addr: 104, // __u8[16]
  remote_addr: 120, // __u8[16]
  comm: 136, // char[16]
} as const
