/** Varints of whole numbers in [0, 2^53]: seven bits a byte, lowest first. */

/** Bytes that it takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  if (value < 0x10000000) return 4
  let size = 5
  for (let rest = Math.floor(value / 0x800000000); rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}

/** Gives where it ends. */
export function putVarint(bytes: Uint8Array, from: number, value: number): number {
  let at = from
  let rest = value
  // `%` and `/` rather than shifts as long as the value may exceed 31 bits.
  while (rest > 0x7fffffff) {
    bytes[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  let low = rest | 0
  while (low > 0x7f) {
    bytes[at++] = (low & 0x7f) | 0x80
    low >>>= 7
  }
  bytes[at++] = low
  return at
}
