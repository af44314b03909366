/**
 * What a Fetch asks for that does not say so (KIP-227): since a session was begun with all that is
 * wanted, a client only tells what is new, and what is wanted no more.
 *
 *     Fetch id 0, epoch 0, everything  ─▶  response with an id, under which it is remembered
 *     Fetch id, epoch 1, 2, … changes  ─▶  everything with these changes
 */
import { type Facts, PLACES_MAX, type Place } from './facts.ts'
import type { TopicNames } from './topic_names.ts'

/** A client has one with each broker; a second one begins before the first one has ended. */
const SESSIONS_MAX = 2
const FIRST_EPOCH = 0
const NO_EPOCH = -1

/** What a Fetch is about. */
export interface Wanted {
  /** '': none, or several. */
  readonly topic: string
  readonly partition: string
  /** Its session was not seen from its begin, so nobody knows. */
  readonly unknown: boolean
}

/** What a session that may begin with the response will hold; undefined: more than is kept. */
export type Beginning = readonly Place[] | undefined

const UNKNOWN: Wanted = { topic: '', partition: '', unknown: true }

export class FetchSessions {
  readonly #names: TopicNames
  /** Partitions of topics. */
  readonly #sessions = new Map<number, Map<string, Set<number>>>()

  constructor(names: TopicNames) {
    this.#names = names
  }

  /** A request was missed, and with it changes. */
  clear(): void {
    this.#sessions.clear()
  }

  asks(facts: Facts, cut: boolean): Wanted {
    const { sessionId, sessionEpoch } = facts
    if (sessionEpoch === NO_EPOCH) this.#sessions.delete(sessionId)
    if (sessionEpoch === NO_EPOCH || sessionEpoch === FIRST_EPOCH) {
      return { topic: facts.onlyTopic, partition: facts.onlyPartition, unknown: false }
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return UNKNOWN
    for (const { topic, partition } of facts.forgotten) {
      const partitions = session.get(topic)
      partitions?.delete(partition)
      if (partitions?.size === 0) session.delete(topic)
    }
    if (cut || facts.more || !addAll(session, facts.places)) {
      this.#sessions.delete(sessionId)
      return UNKNOWN
    }
    const [first] = session
    if (session.size !== 1 || first === undefined)
      return { topic: '', partition: '', unknown: false }
    const [topic, partitions] = first
    const [partition = ''] = partitions.size === 1 ? partitions : []
    return { topic: this.#names.of(topic), partition: String(partition), unknown: false }
  }

  /** What is to be given to `begun` with the response. */
  beginningOf(facts: Facts, cut: boolean): Beginning {
    const isFirst = facts.sessionEpoch === FIRST_EPOCH
    return isFirst && !cut && !facts.more ? facts.places.slice() : undefined
  }

  begun(sessionId: number, places: readonly Place[]): void {
    const session = new Map<string, Set<number>>()
    if (!addAll(session, places)) return
    this.#sessions.delete(sessionId)
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size >= SESSIONS_MAX && oldest !== undefined) this.#sessions.delete(oldest)
    this.#sessions.set(sessionId, session)
  }
}

/** Whether there was room. */
function addAll(session: Map<string, Set<number>>, places: readonly Place[]): boolean {
  let size = 0
  for (const partitions of session.values()) size += partitions.size
  if (size + places.length > PLACES_MAX) return false
  for (const { topic, partition } of places) {
    const partitions = session.get(topic)
    if (partitions === undefined) session.set(topic, new Set([partition]))
    else partitions.add(partition)
  }
  return true
}
