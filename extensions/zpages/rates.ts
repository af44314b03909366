/** Items per second of each component over the last seconds, from its books. */
import type { ComponentView } from '../../pipeline/service_view.ts'
import { type Book, sum } from '../../pipeline/telemetry/books.ts'

const INTERVAL_MS = 1000
/** Readings that are kept: the rate is over the time from the oldest to now. */
const READINGS_MAX = 10

export interface Rates {
  readonly in: number
  readonly out: number
  readonly used: number
  readonly lost: number
  /** The time that they are over; 0 when there is no earlier reading. */
  readonly seconds: number
}

interface Totals {
  readonly in: number
  readonly out: number
  readonly used: number
  readonly lost: number
}

interface Reading {
  readonly atMs: number
  readonly totals: ReadonlyMap<string, Totals>
}

const NOTHING: Totals = { in: 0, out: 0, used: 0, lost: 0 }

export class RateMeter {
  readonly #components: () => readonly ComponentView[]
  readonly #readings: Reading[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(components: () => readonly ComponentView[]) {
    this.#components = components
  }

  start(): void {
    this.#timer = setInterval(() => this.read(), INTERVAL_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  read(atMs = performance.now()): void {
    const totals = new Map<string, Totals>()
    for (const view of this.#components()) {
      const book = view.book()
      if (book !== undefined) totals.set(nameOf(view), totalsOf(book))
    }
    this.#readings.push({ atMs, totals })
    if (this.#readings.length > READINGS_MAX) this.#readings.shift()
  }

  of(view: ComponentView, book: Book, atMs = performance.now()): Rates {
    const oldest = this.#readings[0]
    const seconds = oldest === undefined ? 0 : (atMs - oldest.atMs) / 1000
    if (oldest === undefined || seconds <= 0) return { ...NOTHING, seconds: 0 }
    const before = oldest.totals.get(nameOf(view)) ?? NOTHING
    const now = totalsOf(book)
    const rate = (key: keyof Totals) => Math.max(now[key] - before[key], 0) / seconds
    return { in: rate('in'), out: rate('out'), used: rate('used'), lost: rate('lost'), seconds }
  }
}

function totalsOf(book: Book): Totals {
  return { in: book.in, out: book.out, used: sum(book.used), lost: sum(book.lost) }
}

function nameOf({ kind, id, signal, to, pipeline }: ComponentView): string {
  return [kind, id, signal, to, pipeline].join('\n')
}
