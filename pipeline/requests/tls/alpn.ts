/**
 * What the two ends of an encrypted connection speak, by the protocol that they agreed on: names of
 * the semantic conventions' network.protocol.name and .version for those of IANA's registry.
 */
const PROTOCOLS: Readonly<Record<string, readonly [name: string, version: string]>> = {
  'http/1.0': ['http', '1.0'],
  'http/1.1': ['http', '1.1'],
  h2: ['http', '2'],
  dot: ['dns', ''],
  ftp: ['ftp', ''],
  imap: ['imap', ''],
  mqtt: ['mqtt', ''],
  pop3: ['pop3', ''],
  postgresql: ['postgresql', ''],
}
const UNKNOWN = ['', ''] as const

export function protocolOf(alpn: string): readonly [name: string, version: string] {
  return Object.hasOwn(PROTOCOLS, alpn) ? (PROTOCOLS[alpn] ?? UNKNOWN) : UNKNOWN
}
