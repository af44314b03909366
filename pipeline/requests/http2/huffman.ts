/**
 * The Huffman code of HPACK (RFC 7541 appendix B), read four bits at a time.
 *
 * The code is canonical: lengths alone tell it, shorter codes before longer ones and, of one
 * length, in order of the bytes. Codes have five bits or more, so four bits end one at most.
 */

/** Bits of each byte's code, and of EOS behind them, as digits of base 36. */
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u'
const EOS = 256
const FAILED = -1

/**
 * Where the four bits `b` lead from node `n`, at 16 n + b: sixteen times the next node, which makes
 * room for the four bits, above the byte that ends on the way, above whether one does.
 */
const STEPS = new Int32Array(EOS * 16)
/** Nodes that a string may end at: less than a byte of ones, the beginning of EOS. */
const IS_END = new Uint8Array(EOS)

/** A node has two children: another node, or a symbol as `-1 - symbol`. */
function tree(): number[] {
  const children = [0, 0]
  const symbols = [...LENGTHS].map((digit, symbol) => ({ bits: parseInt(digit, 36), symbol }))
  symbols.sort((a, b) => a.bits - b.bits || a.symbol - b.symbol)
  let code = 0
  let length = 0
  for (const { bits, symbol } of symbols) {
    code *= 2 ** (bits - length)
    length = bits
    let node = 0
    for (let bit = bits - 1; bit > 0; bit--) {
      const at = 2 * node + ((code >>> bit) & 1)
      if (children[at] === 0) children[at] = children.push(0, 0) / 2 - 1
      node = children[at] as number
    }
    children[2 * node + (code & 1)] = -1 - symbol
    code++
  }
  return children
}

function fill(): void {
  const children = tree()
  for (let node = 0; node < EOS; node++) {
    for (let four = 0; four < 16; four++) {
      let at = node
      let ended = 0
      for (let bit = 3; bit >= 0 && at !== FAILED; bit--) {
        at = children[2 * at + ((four >>> bit) & 1)] as number
        if (at >= 0) continue
        const symbol = -1 - at
        ended = symbol === EOS ? 0 : 2 * symbol + 1
        at = symbol === EOS ? FAILED : 0
      }
      STEPS[16 * node + four] = at === FAILED ? FAILED : (16 * at * 512) | ended
    }
  }
  for (let node = 0, ones = 0; ones < 8; ones++, node = children[2 * node + 1] as number) {
    IS_END[node] = 1
  }
}

fill()

/**
 * Writes what `bytes[at … to)` stands for to the beginning of `out`, as much as has room, and gives
 * its whole length; -1: it is not valid.
 */
export function readHuffman(
  out: Uint8Array,
  bytes: Uint8Array,
  { at, to }: { at: number; to: number },
): number {
  let from = 0
  let length = 0
  for (let i = at; i < to; i++) {
    const byte = bytes[i] as number
    // Whether a byte has ended nobody can foresee: it is written anyway, and counted if it has.
    const high = STEPS[from | (byte >>> 4)] as number
    if (high < 0) return FAILED
    out[length] = high >>> 1
    length += high & 1
    const low = STEPS[(high >>> 9) | (byte & 15)] as number
    if (low < 0) return FAILED
    out[length] = low >>> 1
    length += low & 1
    from = low >>> 9
  }
  return IS_END[from >>> 4] === 1 ? length : FAILED
}
