/** The books of all components, as they are served and as the last line of a run sums them up. */
import type { Kind, Signal } from '../component.ts'
import type { Account } from '../graph/accounts.ts'
import type { LedgerEntry } from '../ledger.ts'

export interface Book extends LedgerEntry {
  readonly kind: Kind
  readonly id: string
  readonly signal: Signal
  /** What a connector makes. */
  readonly to?: Signal
  readonly pipeline?: string
  readonly notes: Readonly<Record<string, number>>
  /** `in - out - used - lost - held`: not 0 while data is on its way, and 0 when all is still. */
  readonly unaccounted: number
}

export function booksOf(accounts: readonly Account[]): Book[] {
  return accounts.flatMap(({ kind, id, signal, to, pipeline, ledger }) => {
    if (signal === undefined) return []
    const entry = ledger.entry()
    const spent = entry.out + sum(entry.used) + sum(entry.lost) + entry.held
    return [
      {
        kind,
        id,
        signal,
        ...(to && { to }),
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

export interface Balance {
  readonly lost: number
  /** The same by reason; left out when nothing was lost. */
  readonly lost_by_reason?: Readonly<Record<string, number>>
  readonly held: number
  readonly unaccounted: number
  readonly components: Readonly<Record<string, Entry>>
}

type Entry = LedgerEntry & Partial<Pick<Book, 'notes' | 'unaccounted'>>

/** All books in one object; `notes` and `unaccounted` only where there is something to say. */
export function balanceOf(books: readonly Book[]): Balance {
  const components: Record<string, Entry> = {}
  for (const book of books) {
    const { in: taken, out, used, lost, held, notes, unaccounted } = book
    components[bookName(book, books)] = {
      in: taken,
      out,
      used,
      lost,
      held,
      ...(Object.keys(notes).length > 0 && { notes }),
      ...(unaccounted !== 0 && { unaccounted }),
    }
  }
  const why: Record<string, number> = {}
  for (const { lost } of books) {
    for (const [reason, count] of Object.entries(lost)) why[reason] = (why[reason] ?? 0) + count
  }
  return {
    lost: sum(why),
    ...(sum(why) > 0 && { lost_by_reason: why }),
    held: books.reduce((total, book) => total + book.held, 0),
    unaccounted: books.reduce((total, book) => total + Math.abs(book.unaccounted), 0),
    components,
  }
}

/** `exporter/otlp`; with its signal or pipeline, `exporter/otlp/traces`, when there are several. */
function bookName({ kind, id, signal, to, pipeline }: Book, books: readonly Book[]): string {
  const name = `${kind}/${id}`
  const alike = books.filter((book) => book.kind === kind && book.id === id)
  const which = pipeline ?? (to === undefined ? signal : `${signal}-to-${to}`)
  return alike.length === 1 ? name : `${name}/${which}`
}
