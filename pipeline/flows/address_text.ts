/** The text of an address as flow rows hold it: 16 bytes, IPv4 as `::ffff:a.b.c.d`. */

const BYTES = 16
const GROUPS = 8

/** Dotted for IPv4, else as RFC 5952 writes IPv6. */
export function addressText(column: Uint8Array, row: number): string {
  const at = row * BYTES
  if (isMapped(column, at)) {
    return `${column[at + 12]}.${column[at + 13]}.${column[at + 14]}.${column[at + 15]}`
  }
  return groupsText(column, at)
}

/** As in a URL: IPv6 in brackets (RFC 3986 §3.2.2). */
export function addressInUrl(column: Uint8Array, row: number): string {
  const text = addressText(column, row)
  return text.includes(':') ? `[${text}]` : text
}

function isMapped(column: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (column[at + i] !== 0) return false
  return column[at + 10] === 0xff && column[at + 11] === 0xff
}

function groupsText(column: Uint8Array, at: number): string {
  const groups = Array.from(
    { length: GROUPS },
    (_, i) => ((column[at + 2 * i] as number) << 8) | (column[at + 2 * i + 1] as number),
  )
  const [start, length] = longestZeros(groups)
  const hex = groups.map((group) => group.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** The first of the longest runs of zero groups: the one that `::` stands for. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < GROUPS; start++) {
    let end = start
    while (end < GROUPS && groups[end] === 0) end++
    if (end - start > best[1]) best = [start, end - start]
  }
  return best
}
