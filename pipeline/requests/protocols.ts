/** The one table of protocols that are told by a connection's first bytes, in order of doubt. */

import type { DatagramProtocol } from './datagrams.ts'
import { DnsDatagrams } from './dns/dns_datagrams.ts'
import { dns } from './dns/index.ts'
import { http2 } from './http2/index.ts'
import { kafka } from './kafka/index.ts'
import { memcached } from './memcached/index.ts'
import { mysql } from './mysql/index.ts'
import type { Protocol } from './parser.ts'
import { postgresql } from './postgresql/index.ts'
import { redis } from './redis/index.ts'
import { tls } from './tls/index.ts'

export const PROTOCOLS: readonly Protocol[] = [
  tls,
  http2,
  mysql,
  postgresql,
  redis,
  memcached,
  kafka,
  dns,
]

/** Protocols of datagrams, each of which is a message; with what they keep between two calls. */
export function datagramProtocols(): readonly DatagramProtocol[] {
  return [new DnsDatagrams()]
}
