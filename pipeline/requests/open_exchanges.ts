/**
 * The exchanges that have begun and not ended, in the order of their begin: a list linked through
 * the exchanges, so that adding and removing cost the same however many there are.
 *
 *     oldest ⇄ announced ⇄ announced ⇄ │ next to announce ⇄ … ⇄ newest
 */
import type { Exchange } from './exchange.ts'

export class OpenExchanges {
  size = 0
  #oldest: Exchange | undefined
  #newest: Exchange | undefined
  /** Everything older has been announced. */
  #unannounced: Exchange | undefined

  get oldest(): Exchange | undefined {
    return this.#oldest
  }

  add(exchange: Exchange): void {
    exchange.previous = this.#newest
    if (this.#newest === undefined) this.#oldest = exchange
    else this.#newest.next = exchange
    this.#newest = exchange
    this.#unannounced ??= exchange
    this.size++
  }

  delete(exchange: Exchange): void {
    const { previous, next } = exchange
    if (previous === undefined && this.#oldest !== exchange) return
    if (previous === undefined) this.#oldest = next
    else previous.next = next
    if (next === undefined) this.#newest = previous
    else next.previous = previous
    if (this.#unannounced === exchange) this.#unannounced = next
    exchange.previous = undefined
    exchange.next = undefined
    this.size--
  }

  /** Calls `announce`, at `nowNs`, once for each exchange that began before `beforeNs`. */
  announce(
    { beforeNs, nowNs }: { beforeNs: number; nowNs: number },
    announce: (exchange: Exchange) => void,
  ): void {
    let exchange = this.#unannounced
    while (exchange !== undefined && exchange.startNs < beforeNs) {
      exchange.announcedNs = nowNs
      announce(exchange)
      exchange = exchange.next
    }
    this.#unannounced = exchange
  }

  /** Calls `visit` for each exchange that began before `beforeNs`; it may end the exchange. */
  visit(beforeNs: number, visit: (exchange: Exchange) => void): void {
    let exchange = this.#oldest
    while (exchange !== undefined && exchange.startNs < beforeNs) {
      const next: Exchange | undefined = exchange.next
      visit(exchange)
      exchange = next
    }
  }
}
