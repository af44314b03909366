/** What a row says of a request, by what was read of it. */
import type { Request } from '../exchange.ts'
import type { QueryPolicy } from '../target.ts'
import type { Facts } from './facts.ts'
import type { Wanted } from './fetch_sessions.ts'
import { type Api, apiOf } from './grammar.ts'
import type { RequestHead } from './head.ts'

export const PRODUCE = 0
export const FETCH = 1
export const METADATA = 3
export const SASL_HANDSHAKE = 17

const TOPICS_CHARS_MAX = 255

/** How a request was read. */
export interface Reading {
  readonly clientId: string
  readonly facts: Facts
  /** Not to its end. */
  readonly cut: boolean
  readonly query: QueryPolicy
  /** Of a Fetch. */
  readonly fetched: Wanted | undefined
}

export function requestOf({ key, version }: RequestHead, reading: Reading): Request {
  const { clientId, facts, fetched, query } = reading
  const api = apiOf(key)
  return {
    protocol: 'kafka',
    version: String(version),
    // New kinds come with every release: few, and told apart by their numbers.
    method: api?.name ?? `ApiKey${key}`,
    target: fetched?.topic ?? facts.onlyTopic,
    partition: fetched?.partition ?? facts.onlyPartition,
    query: query === 'drop' ? '' : listed(facts),
    namespace: facts.group,
    messages: key === PRODUCE ? facts.messages : 0,
    clientId,
    waitMaxMs: facts.waitMaxMs,
    truncated: isTruncated(reading, { key, api }),
  }
}

/** Several topics, which no target can name. */
export function listed({ topics, topicCount }: Facts): string {
  if (topicCount < 2) return ''
  const text = topics.join(', ')
  return text.length <= TOPICS_CHARS_MAX ? text : `${text.slice(0, TOPICS_CHARS_MAX - 1)}…`
}

/** Of long requests the beginning is enough where the topics stand there. */
function isTruncated(reading: Reading, of: { key: number; api: Api | undefined }): boolean {
  const { facts, cut, fetched } = reading
  if (fetched?.unknown) return true
  if (!cut) return false
  const isHead = of.key === PRODUCE || of.key === FETCH
  return !isHead || facts.topicCount === 0 || (facts.topicCount === 1 && facts.topics.length === 0)
}
