/** Names of DNS's numbers (IANA, "Domain Name System (DNS) Parameters"). */

export const OPCODE = { query: 0, notify: 4, update: 5 } as const

/** What `method` is of messages that ask no question (RFC 1996, RFC 2136). */
const OPCODE_NAMES: ReadonlyMap<number, string> = new Map([
  [OPCODE.notify, 'NOTIFY'],
  [OPCODE.update, 'UPDATE'],
])

export const TYPE = { a: 1, soa: 6, aaaa: 28, opt: 41, ixfr: 251, axfr: 252 } as const

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE.a, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [TYPE.soa, 'SOA'],
  [10, 'NULL'],
  [12, 'PTR'],
  [13, 'HINFO'],
  [15, 'MX'],
  [16, 'TXT'],
  [17, 'RP'],
  [18, 'AFSDB'],
  [24, 'SIG'],
  [25, 'KEY'],
  [TYPE.aaaa, 'AAAA'],
  [29, 'LOC'],
  [33, 'SRV'],
  [35, 'NAPTR'],
  [36, 'KX'],
  [37, 'CERT'],
  [39, 'DNAME'],
  [43, 'DS'],
  [44, 'SSHFP'],
  [45, 'IPSECKEY'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [49, 'DHCID'],
  [50, 'NSEC3'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [53, 'SMIMEA'],
  [55, 'HIP'],
  [59, 'CDS'],
  [60, 'CDNSKEY'],
  [61, 'OPENPGPKEY'],
  [62, 'CSYNC'],
  [63, 'ZONEMD'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [99, 'SPF'],
  [108, 'EUI48'],
  [109, 'EUI64'],
  [249, 'TKEY'],
  [250, 'TSIG'],
  [TYPE.ixfr, 'IXFR'],
  [TYPE.axfr, 'AXFR'],
  [255, 'ANY'],
  [256, 'URI'],
  [257, 'CAA'],
])

/** A type without a name of its own is written as RFC 3597 §5 has it. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`
}

/** `method` of a row: what kind of record is asked for, or what else is. */
export function operationName(opcode: number, type: number): string {
  return OPCODE_NAMES.get(opcode) ?? typeName(type)
}

export function isKnownOpcode(opcode: number): boolean {
  return opcode === OPCODE.query || OPCODE_NAMES.has(opcode)
}
