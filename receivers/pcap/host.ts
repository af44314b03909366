/** A number for the host with an address of 16 bytes, which stands for its processes: FNV-1a. */
export function hostOf(address: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of address) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
