/** The books of all components, as they are served and as the last line of a run sums them up. */
import type { Kind, Signal } from '../component.ts'
import type { Node } from '../graph/graph.ts'
import type { LedgerEntry } from '../ledger.ts'

export interface Book extends LedgerEntry {
  readonly kind: Kind
  readonly id: string
  readonly signal: Signal
  readonly pipeline?: string
  readonly notes: Readonly<Record<string, number>>
  /** `in - out - used - lost - held`: not 0 while data is on its way, and 0 when all is still. */
  readonly unaccounted: number
}

export function booksOf(nodes: readonly Node[]): Book[] {
  return nodes.flatMap(({ kind, id, signal, pipeline, ledger }) => {
    if (signal === undefined) return []
    const entry = ledger.entry()
    const spent = entry.out + sum(entry.used) + sum(entry.lost) + entry.held
    return [
      {
        kind,
        id,
        signal,
        ...(pipeline !== undefined && { pipeline }),
        ...entry,
        notes: Object.fromEntries(ledger.notes),
        unaccounted: entry.in - spent,
      },
    ]
  })
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

/** `receiver/ebpf/flows`, `processor/stitch/flows/2` for the pipeline `flows/2`. */
export function bookName({ kind, id, signal, pipeline }: Book): string {
  return `${kind}/${id}/${pipeline ?? signal}`
}

export interface Balance {
  readonly lost: number
  readonly held: number
  readonly unaccounted: number
  readonly components: Readonly<Record<string, object>>
}

/** All books in one object, without what is 0. */
export function balanceOf(books: readonly Book[]): Balance {
  const components: Record<string, object> = {}
  for (const book of books) {
    components[bookName(book)] = {
      in: book.in,
      ...(book.out > 0 && { out: book.out }),
      ...(sum(book.used) > 0 && { used: book.used }),
      ...(sum(book.lost) > 0 && { lost: book.lost }),
      ...(book.held > 0 && { held: book.held }),
      ...(Object.keys(book.notes).length > 0 && { notes: book.notes }),
      ...(book.unaccounted !== 0 && { unaccounted: book.unaccounted }),
    }
  }
  return {
    lost: books.reduce((total, book) => total + sum(book.lost), 0),
    held: books.reduce((total, book) => total + book.held, 0),
    unaccounted: books.reduce((total, book) => total + Math.abs(book.unaccounted), 0),
    components,
  }
}
