/**
 * Network namespaces and whose they are, learned from rows.
 *
 * A connection over loopback, or from an address that the API does not know, still says in which
 * network namespace it is; another row from there, with the pod's IP, says whose that is.
 *
 * An inode has a meaning within one boot of one kernel only, so where rows of many hosts meet, the
 * boot is part of the key.
 */
import type { Node } from './cluster.ts'
import type { Pod } from './pods.ts'
import { SameTimes } from './same_times.ts'

export type NetnsOwner = Pod | Node

export function isPod(owner: NetnsOwner): owner is Pod {
  return 'untilMs' in owner
}

const NAMESPACES_MAX = 65_536
const BOOTS_MAX = 2 ** 20

export class Namespaces {
  /** Narrowed by each `owner`; for who asks to widen it before. */
  readonly same = new SameTimes()
  /** Another whenever an answer may be another, or to learn again would tell something. */
  version = 0
  /** Undefined as a value: contradictory, hence nobody's. The least recently learned come first. */
  readonly #owners = new Map<number, NetnsOwner | undefined>()
  /** Boots by name, numbered as they were first seen; one host's own is 0. */
  readonly #boots = new Map<string, number>([['', 0]])

  get size(): number {
    return this.#owners.size
  }

  /**
   * The key of a network namespace: its inode (32 bits), and which boot it is of (20 bits). 0 is
   * nobody's: an inode that is not known, or one of more boots than can be told apart.
   */
  key(bootId: string, netns: number): number {
    if (netns === 0) return 0
    let boot = this.#boots.get(bootId)
    if (boot === undefined) {
      if (this.#boots.size >= BOOTS_MAX) return 0
      boot = this.#boots.size
      this.#boots.set(bootId, boot)
    }
    return boot * 2 ** 32 + netns
  }

  /** The owner of a network namespace (its key) at a time in Unix ms. */
  owner(netns: number, timeMs: number): NetnsOwner | undefined {
    const owner = this.#owners.get(netns)
    if (owner === undefined) return undefined
    // Inodes are given out again: a pod's is its own only as long as it lives.
    if (!isPod(owner)) return owner
    this.same.changes(owner.untilMs, timeMs)
    return timeMs >= owner.untilMs ? undefined : owner
  }

  learn(netns: number, owner: NetnsOwner): void {
    if (netns === 0) return
    const known = this.#owners.get(netns)
    if (known === undefined) {
      if (this.#owners.has(netns)) return
      this.#makeRoom()
      this.version++
      this.#owners.set(netns, owner)
      return
    }
    if (known === owner) return
    const renewed = known.object.uid === owner.object.uid
    const ended = isPod(known) && known.untilMs !== Number.POSITIVE_INFINITY
    this.version++
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
