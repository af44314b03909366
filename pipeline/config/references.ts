/**
 * Finds the `${…}` of a text: pieces that are text, and references, which are made of pieces again.
 * Takes any text, in a time that grows with its length alone.
 */

export type Piece = string | Reference

export interface Reference {
  readonly inside: readonly Piece[]
}

/** A `${` whose `}` is still to come. */
interface Open {
  readonly pieces: Piece[]
  /** Of an escaped `$${`, which is text, and so is the `}` that belongs to it. */
  readonly escaped: boolean
}

export function references(text: string): Piece[] {
  const top: Piece[] = []
  const open: Open[] = []
  let pieces = top
  let done = 0
  const takeText = (until: number) => {
    if (until > done) pieces.push(text.slice(done, until))
    done = until
  }
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '$') {
      const from = i
      while (text[i + 1] === '$') i++
      if (text[i + 1] !== '{') continue
      // An even number of dollar signs are pairs, and each pair stands for one.
      const escaped = (i - from) % 2 === 1
      if (!escaped) {
        takeText(i)
        done = i + 2
        pieces = []
      }
      open.push({ pieces, escaped })
    } else if (text[i] === '}') {
      const closed = open.pop()
      if (closed === undefined || closed.escaped) continue
      takeText(i)
      done = i + 1
      pieces = open.at(-1)?.pieces ?? top
      pieces.push({ inside: closed.pieces })
    }
  }
  takeText(text.length)
  return unclosed(top, open)
}

/** What is never closed is text, but for the references inside it. */
function unclosed(top: readonly Piece[], open: readonly Open[]): Piece[] {
  const all = [...top]
  for (const { pieces, escaped } of open) {
    if (escaped) continue
    all.push('${')
    for (const piece of pieces) all.push(piece)
  }
  return all
}
