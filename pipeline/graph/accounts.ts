/**
 * The books of every place that a component has stood at since the process began.
 *
 * They outlive the instances: a reload that replaces a component goes on in the same books, and
 * those of a component that is gone stay, so that no counter goes back and the last line of a run
 * accounts for everything.
 */
import type { Logger } from 'pino'
import type { Component } from '../component.ts'
import { Ledger } from '../ledger.ts'
import { keyOf, type Place } from './node.ts'

/** Books of places where nothing stands any more; beyond, the oldest are added up. */
const GONE_MAX = 1000
/** The id of the books that the oldest were added up in. */
const ADDED_UP = 'removed'

export interface Account extends Place {
  readonly ledger: Ledger
}

interface Open {
  readonly account: Account
  /** The instances that stand here: several while one takes another's place. */
  readonly holders: Set<Component>
  /** What the last one still held when it went: an exporter's items on disk, for one. */
  left: number
}

export class Accounts {
  /** In order of opening; those that became empty last stand last. */
  readonly #open = new Map<string, Open>()
  #gone = 0

  /** The books of a place, new or continued. */
  ledgerOf(place: Place, logger: Logger): Ledger {
    const key = keyOf(place)
    const known = this.#open.get(key)
    if (known !== undefined) return known.account.ledger
    const ledger = new Ledger(logger)
    const { kind, id, signal, to, pipeline } = place
    const account: Account = {
      kind,
      id,
      ...(signal && { signal }),
      ...(to && { to }),
      ...(pipeline !== undefined && { pipeline }),
      ledger,
    }
    const open: Open = { account, holders: new Set(), left: 0 }
    ledger.heldBy = () => {
      let held = open.left
      for (const component of open.holders) held += component.held?.() ?? 0
      return held
    }
    this.#open.set(key, open)
    this.#gone++
    return ledger
  }

  /** A component stands there now. */
  enter(place: Place, component: Component): void {
    const open = this.#open.get(keyOf(place))
    if (open === undefined) return
    if (open.holders.size === 0) this.#gone--
    open.holders.add(component)
    // What its predecessor left is its own to count now.
    open.left = 0
  }

  /**
   * It has ended, or could not be created: what it holds now it will always hold, unless somebody
   * stands there after it. Books in which nothing was ever counted are as if they had never been.
   */
  leave(place: Place, component?: Component): void {
    const key = keyOf(place)
    const open = this.#open.get(key)
    if (open === undefined) return
    if (component !== undefined && open.holders.delete(component) && open.holders.size === 0) {
      open.left = component.held?.() ?? 0
      this.#gone++
    }
    if (open.holders.size > 0) return
    this.#open.delete(key)
    if (open.account.ledger.isEmpty) this.#gone--
    else this.#open.set(key, open)
    if (this.#gone > GONE_MAX) this.#addUpOldest()
  }

  all(): Account[] {
    return [...this.#open.values()].map(({ account }) => account)
  }

  #addUpOldest(): void {
    for (const [key, { account, holders }] of this.#open) {
      if (holders.size > 0 || account.id === ADDED_UP) continue
      const { kind, signal, ledger } = account
      const sum = { kind, id: ADDED_UP, ...(signal && { signal }) }
      this.#open.delete(key)
      this.#gone--
      const known = this.#open.has(keyOf(sum))
      this.ledgerOf(sum, ledger.logger).absorb(ledger)
      if (!known) this.#gone--
      return
    }
  }
}
