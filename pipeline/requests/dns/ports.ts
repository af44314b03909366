export const DNS_PORT = 53

/**
 * Ports of what looks like DNS and is none: names of NetBIOS, multicast DNS and LLMNR, which ask
 * everybody, and of which anybody may answer or nobody.
 */
const LIKE_DNS: ReadonlySet<number> = new Set([137, 5353, 5355])

export function isLikeDns(port: number): boolean {
  return LIKE_DNS.has(port)
}
