/**
 * Network namespaces and whose they are, learned from rows.
 *
 * A connection over loopback, or from an address that the API does not know, still says in which
 * network namespace it is; another row from there, with the pod's IP, says whose that is.
 */
import type { Node } from './cluster.ts'
import type { Pod } from './pods.ts'

export type NetnsOwner = Pod | Node

export function isPod(owner: NetnsOwner): owner is Pod {
  return 'untilMs' in owner
}

const NAMESPACES_MAX = 16_384

export class Namespaces {
  /** Undefined as a value: contradictory, hence nobody's. The least recently learned come first. */
  readonly #owners = new Map<number, NetnsOwner | undefined>()

  get size(): number {
    return this.#owners.size
  }

  /** The owner of a network namespace (its inode) at a time in Unix ms. */
  owner(netns: number, timeMs: number): NetnsOwner | undefined {
    const owner = this.#owners.get(netns)
    if (owner === undefined) return undefined
    // Inodes are given out again: a pod's is its own only as long as it lives.
    return isPod(owner) && timeMs >= owner.untilMs ? undefined : owner
  }

  learn(netns: number, owner: NetnsOwner): void {
    if (netns === 0) return
    const known = this.#owners.get(netns)
    if (known === undefined) {
      if (this.#owners.has(netns)) return
      this.#makeRoom()
      this.#owners.set(netns, owner)
      return
    }
    if (known === owner) return
    const renewed = known.object.uid === owner.object.uid
    const ended = isPod(known) && known.untilMs !== Number.POSITIVE_INFINITY
    // A transparent proxy on the host speaks with its clients' addresses: several pods would seem
    // to live in one namespace, and then none can be told.
    this.#owners.set(netns, renewed || ended ? owner : undefined)
  }

  #makeRoom(): void {
    if (this.#owners.size < NAMESPACES_MAX) return
    for (const netns of this.#owners.keys()) {
      this.#owners.delete(netns)
      return
    }
  }
}
