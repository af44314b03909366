/** Addresses and ports of both ends, the same for both directions. */
import type { Segment } from './segment.ts'

const key = Buffer.alloc(36)

/** The lesser end comes first. */
export function keyOf({ addresses, sourcePort, destinationPort }: Segment): string {
  const order = compareEnds(addresses, sourcePort, destinationPort)
  const first = order <= 0 ? 0 : 16
  for (let i = 0; i < 16; i++) {
    key[i] = addresses[first + i] as number
    key[16 + i] = addresses[16 - first + i] as number
  }
  key.writeUInt16BE(order <= 0 ? sourcePort : destinationPort, 32)
  key.writeUInt16BE(order <= 0 ? destinationPort : sourcePort, 34)
  return key.toString('latin1')
}

function compareEnds(addresses: Uint8Array, source: number, destination: number): number {
  for (let i = 0; i < 16; i++) {
    const difference = (addresses[i] as number) - (addresses[16 + i] as number)
    if (difference !== 0) return difference
  }
  return source - destination
}
