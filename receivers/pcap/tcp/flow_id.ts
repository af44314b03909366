/** Ids of flows as bpf/flow_id.h computes them: a capture and an agent name a flow alike. */
const MASK = 0xffff_ffff_ffff_ffffn

/** The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
export function mix64(value: bigint): bigint {
  let z = value & MASK
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return z ^ (z >> 31n)
}

export function flowIdOfIsns(client: number, server: number): bigint {
  return mix64((BigInt(client) << 32n) | BigInt(server))
}

/** For a connection whose handshake was not seen: good within this capture alone. */
export function flowIdOfAddresses(of: {
  srcAddress: Uint8Array
  dstAddress: Uint8Array
  srcPort: number
  dstPort: number
  firstNs: number
}): bigint {
  let id = mix64(BigInt(Math.trunc(of.firstNs)))
  for (const address of [of.srcAddress, of.dstAddress]) {
    const view = new DataView(address.buffer, address.byteOffset, 16)
    id = mix64(id ^ view.getBigUint64(0, true))
    id = mix64(id ^ view.getBigUint64(8, true))
  }
  return mix64(id ^ BigInt(of.srcPort * 65_536 + of.dstPort))
}
