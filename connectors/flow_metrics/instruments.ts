/** The metrics that flow_metrics makes, as the README's table has them. */

/** Seconds; the HTTP conventions' advice (docs/http/http-metrics.md). */
const HTTP_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
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
}

export const HTTP_SERVER_DURATION: Instrument = {
  name: 'http.server.request.duration',
  unit: 's',
  description: 'Duration of HTTP server requests.',
  bounds: HTTP_BOUNDS,
}

export const HTTP_CLIENT_DURATION: Instrument = {
  name: 'http.client.request.duration',
  unit: 's',
  description: 'Duration of HTTP client requests.',
  bounds: HTTP_BOUNDS,
}

export const TCP_CONNECTIONS: Instrument = {
  name: 'flowspan.tcp.connections',
  unit: '{connection}',
  description: 'TCP connections opened, closed, or failed before they were established.',
}

export const TCP_IO: Instrument = {
  name: 'flowspan.tcp.io',
  unit: 'By',
  description: 'Application bytes of closed TCP connections.',
}

export const TCP_RETRANSMITS: Instrument = {
  name: 'flowspan.tcp.retransmits',
  unit: '{segment}',
  description: 'Segments that closed TCP connections sent again.',
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
