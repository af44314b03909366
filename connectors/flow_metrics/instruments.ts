/** The metrics that flow_metrics makes, as the README's table has them. */
import { DURATIONS, type DurationName } from '../../pipeline/flows/conventions/conventions.ts'

/** Seconds; the conventions' advice for HTTP, RPC, messaging and DNS. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Seconds; docs/db/database-metrics.md. */
const DB_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
/** Seconds: from a cache on the same host to a query that somebody waits for. */
const EXCHANGE_BOUNDS = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10,
]
/** Seconds: from a loopback's round trip to a satellite's and to a lost SYN (1, 3, 7). */
const TCP_BOUNDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
  3, 7,
]

export interface Instrument {
  readonly name: string
  readonly unit: string
  readonly description: string
  /** Upper bounds of a histogram's buckets, ascending; a counter has none. */
  readonly bounds?: readonly number[]
  /** A counter of what is not whole. */
  readonly isReal?: boolean
}

/** What the conventions measure of exchanges, and what they do not. */
const OF_EXCHANGES: { readonly [N in DurationName]: Omit<Instrument, 'name'> } = {
  'http.server.request.duration': seconds('Duration of HTTP server requests.', REQUEST_BOUNDS),
  'http.client.request.duration': seconds('Duration of HTTP client requests.', REQUEST_BOUNDS),
  'rpc.server.call.duration': seconds('Duration of incoming remote calls.', REQUEST_BOUNDS),
  'rpc.client.call.duration': seconds('Duration of outgoing remote calls.', REQUEST_BOUNDS),
  'db.client.operation.duration': seconds('Duration of database client operations.', DB_BOUNDS),
  'messaging.client.operation.duration': seconds(
    'Duration of messaging operations of producers and consumers.',
    REQUEST_BOUNDS,
  ),
  'dns.lookup.duration': seconds('Duration of DNS queries, at the client.', REQUEST_BOUNDS),
  'flowspan.exchange.duration': seconds(
    'Duration of requests that have no metric of the semantic conventions.',
    EXCHANGE_BOUNDS,
  ),
}

export const TCP_CONNECTIONS: Instrument = {
  name: 'flowspan.tcp.connections',
  unit: '{connection}',
  description: 'TCP connections opened, closed, or failed before they were established.',
}

export const TCP_IO: Instrument = {
  name: 'flowspan.tcp.io',
  unit: 'By',
  description: 'Application bytes of TCP connections.',
}

export const TCP_RETRANSMITS: Instrument = {
  name: 'flowspan.tcp.retransmits',
  unit: '{segment}',
  description: 'Segments that TCP connections sent again, SYNs and SYN-ACKs apart.',
}

export const TCP_SYN_RETRIES: Instrument = {
  name: 'flowspan.tcp.syn.retries',
  unit: '{segment}',
  description: 'SYNs that clients sent again.',
}

export const TCP_DROPS: Instrument = {
  name: 'flowspan.tcp.drops',
  unit: '{packet}',
  description: 'Packets of TCP connections that the kernel dropped at this end.',
}

/** By what the time went to: flowspan.tcp.limit. */
export const TCP_BUSY_TIME: Instrument = {
  name: 'flowspan.tcp.busy.time',
  unit: 's',
  description: 'Time in which TCP connections had data to send, by what held it up.',
  isReal: true,
}

export const TCP_LISTENER_DROPS: Instrument = {
  name: 'flowspan.tcp.listener.drops',
  unit: '{packet}',
  description: 'Handshakes that listeners dropped, as their queues were full.',
}

export const TCP_SYNACK_RETRIES: Instrument = {
  name: 'flowspan.tcp.listener.synack.retries',
  unit: '{segment}',
  description: 'SYN-ACKs that listeners sent again, of handshakes that succeed and that do not.',
}

export const TCP_EPISODES: Instrument = {
  name: 'flowspan.tcp.episodes',
  unit: '{episode}',
  description: 'Episodes of delay, jitter and loss that began between two ends.',
}

export const UDP_IO: Instrument = {
  name: 'flowspan.udp.io',
  unit: 'By',
  description: 'Payload bytes of UDP datagrams.',
}

export const UDP_DATAGRAMS: Instrument = {
  name: 'flowspan.udp.datagrams',
  unit: '{datagram}',
  description: 'UDP datagrams that were sent, and that were received.',
}

export const UDP_DROPS: Instrument = {
  name: 'flowspan.udp.drops',
  unit: '{datagram}',
  description: 'UDP datagrams that sockets had no room for.',
}

export const TCP_RTT: Instrument = {
  name: 'flowspan.tcp.rtt',
  unit: 's',
  description: 'Smoothed round-trip time of TCP connections as they closed.',
  bounds: TCP_BOUNDS,
}

export const TCP_CONNECT_DURATION: Instrument = {
  name: 'flowspan.tcp.connect.duration',
  unit: 's',
  description: 'Time from SYN to established, at this end.',
  bounds: TCP_BOUNDS,
}

/** A histogram for each of DURATIONS, in their order. */
export const EXCHANGE_DURATIONS: readonly (Instrument & { name: DurationName })[] = DURATIONS.map(
  (name) => ({ name, ...OF_EXCHANGES[name] }),
)

function seconds(description: string, bounds: readonly number[]): Omit<Instrument, 'name'> {
  return { unit: 's', description, bounds }
}
