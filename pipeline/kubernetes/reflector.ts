/**
 * Mirrors one resource of the Kubernetes API: a list, then watches that go on where it ended.
 *
 *     list (pages of 500) ──▶ watch from its resourceVersion ──▶ watch again, from the last event's
 *          ▲                        or bookmark's
 *          └── 410 Gone: the history from there is no longer kept
 *
 * Bookmarks keep the resourceVersion fresh for a resource that nothing happens to, so that a quiet
 * watch does not end in a new list. Each watch asks to be ended after five to ten minutes, at
 * random, so that connections move to API servers that were added, but not all at once.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Page, pageOf, resourceVersionOf, statusError, uidOf } from './answers.ts'
import { type ApiClient, ApiError, type Request } from './api_client.ts'
import type { Resource } from './resource.ts'

/** Where the mirrored objects go: stripped there, never kept whole. */
export interface Sink {
  upsert(object: unknown): void
  /** `object` is the last state, when it is known. */
  remove(uid: string, object?: unknown): void
  /** The uids of all that was upserted and not removed. */
  uids(): Iterable<string>
}

export interface ReflectorSettings {
  readonly client: ApiClient
  readonly resource: Resource
  /** Such as `spec.nodeName=worker-1`. */
  readonly fieldSelector?: string
  /** Such as `kubernetes.io/service-name=web`. */
  readonly labelSelector?: string
  readonly sink: Sink
  readonly logger: Logger
  /** The least wait after an error, in ms; 500 unless a test is in a hurry. */
  readonly backoffMinMs?: number
}

const PAGE_OBJECTS = 500
const LIST_INACTIVITY_MS = 60_000
const WATCH_MIN_S = 300
const WATCH_MAX_S = 600
/** A server that sends bookmarks does so every minute or so: silence for longer is a dead watch. */
const BOOKMARK_INACTIVITY_MS = 150_000
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 30_000
const REFUSED_BACKOFF_MAX_MS = 60_000
const REFUSALS_MIN = 3
/** Watches that may end at once before a new list is tried. */
const SHORT_WATCHES_MAX = 3
/** A watch that ends sooner than this did not work, whatever the server's answer was. */
const WATCH_LIVED_MS = 1000
const LOG_INTERVAL_MS = 60_000

export class Reflector {
  readonly #settings: ReflectorSettings
  readonly #stop = new AbortController()
  readonly #settled = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  /** Where the next watch begins; undefined when only a list can tell. */
  #resourceVersion: string | undefined
  #bookmarks = false
  #failures = 0
  #lastLogMs = Number.NEGATIVE_INFINITY
  #synced = false
  #forbidden = false
  /** Counts since the start. */
  readonly counts = { lists: 0, watches: 0, events: 0, errors: 0 }

  constructor(settings: ReflectorSettings) {
    this.#settings = settings
  }

  /** Resolves when the first list is complete, or when it is clear that there will be none. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** A list was complete at least once. */
  get synced(): boolean {
    return this.#synced
  }

  /** The API server does not let us see this resource. */
  get forbidden(): boolean {
    return this.#forbidden
  }

  get resource(): Resource {
    return this.#settings.resource
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#settled.resolve()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list()
        await this.#watch()
        this.#recovered()
      } catch (error) {
        if (signal.aborted) return
        const pauseMs = this.#failed(error as Error)
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  async #list(): Promise<void> {
    const { sink } = this.#settings
    this.counts.lists++
    const listed = new Set<string>()
    let next = ''
    let page: Page
    do {
      const query = { limit: String(PAGE_OBJECTS), ...(next !== '' && { continue: next }) }
      page = pageOf(
        await this.#settings.client.get(this.#request('list', query, LIST_INACTIVITY_MS)),
      )
      for (const object of page.items) {
        const uid = uidOf(object)
        if (uid !== undefined) listed.add(uid)
        sink.upsert(object)
      }
      next = page.next
    } while (next !== '')
    for (const uid of [...sink.uids()]) if (!listed.has(uid)) sink.remove(uid)
    this.#resourceVersion = page.resourceVersion
    this.#synced = true
    this.#forbidden = false
    this.#settled.resolve()
  }

  async #watch(): Promise<void> {
    this.counts.watches++
    const timeoutS = WATCH_MIN_S + Math.floor(Math.random() * (WATCH_MAX_S - WATCH_MIN_S))
    const query = {
      watch: '1',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(timeoutS),
      resourceVersion: this.#resourceVersion as string,
    }
    const inactivityMs = this.#bookmarks ? BOOKMARK_INACTIVITY_MS : (timeoutS + 30) * 1000
    const startedMs = performance.now()
    const events = this.counts.events
    await this.#settings.client.watch(this.#request('watch', query, inactivityMs), (event) =>
      this.#event(event),
    )
    const livedMs = performance.now() - startedMs
    if (livedMs < WATCH_LIVED_MS && this.counts.events === events) {
      throw new ShortWatch(`The watch ended after ${Math.round(livedMs)} ms`)
    }
  }

  #event(value: unknown): void {
    const { type, object } = value as { type?: unknown; object?: unknown }
    const { sink } = this.#settings
    this.counts.events++
    if (type === 'ERROR') throw statusError(object)
    const version = resourceVersionOf(object)
    if (version === undefined) throw new SyntaxError('A watch event has no resourceVersion')
    if (type === 'ADDED' || type === 'MODIFIED') {
      sink.upsert(object)
    } else if (type === 'DELETED') {
      const uid = uidOf(object)
      if (uid !== undefined) sink.remove(uid, object)
    } else if (type === 'BOOKMARK') {
      this.#bookmarks = true
    } else {
      throw new SyntaxError(`A watch event has the type ${JSON.stringify(type)}`)
    }
    this.#resourceVersion = version
    this.#recovered()
  }

  #request(verb: 'list' | 'watch', query: Record<string, string>, inactivityMs: number): Request {
    const { resource, fieldSelector, labelSelector } = this.#settings
    const all = {
      ...query,
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(labelSelector !== undefined && { labelSelector }),
    }
    return {
      path: `${resource.path}?${new URLSearchParams(all)}`,
      accept: resource.accept[verb],
      signal: this.#stop.signal,
      inactivityMs,
    }
  }

  #recovered(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#lastLogMs = Number.NEGATIVE_INFINITY
    const { logger, resource } = this.#settings
    logger.info({ resource: resource.name }, 'The Kubernetes API answers again')
  }

  /** Notes a failure and gives the time to wait before the next attempt, in ms. */
  #failed(error: Error): number {
    this.counts.errors++
    const status = error instanceof ApiError ? error.status : 0
    if (status === 410) {
      this.#resourceVersion = undefined
      return this.#jitter(this.#backoffMinMs)
    }
    // A line that cannot be read, or a version from a future that a restored etcd never had: what
    // was missed is not known, and only a list can tell.
    const distrusted = error instanceof SyntaxError || error instanceof RangeError
    const useless = error instanceof ShortWatch && this.#failures >= SHORT_WATCHES_MAX
    if (distrusted || useless || status === 504 || status === 400) {
      this.#resourceVersion = undefined
    }
    if (status === 403 || status === 404) return this.#refused(error, status)
    this.#failures++
    this.#log(error, `Cannot mirror ${this.resource.name}; trying again`)
    const retryAfterMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
    return Math.max(this.#backoff(BACKOFF_MAX_MS), Math.min(retryAfterMs, BACKOFF_MAX_MS))
  }

  /**
   * No permission, or no such API. An API server that has just started refuses everybody for a
   * moment, so only a refusal that is repeated counts; and permissions may be given later, so this
   * goes on asking, ever more seldom.
   */
  #refused(error: Error, status: number): number {
    this.#resourceVersion = undefined
    this.#failures++
    if (this.#failures >= REFUSALS_MIN) {
      this.#forbidden = true
      this.#settled.resolve()
      const { name, rule } = this.resource
      const why = status === 403 ? `the ClusterRole needs ${rule}` : 'this API server has none'
      this.#log(error, `Cannot read ${name}, going on without: ${why}`)
    }
    return this.#backoff(REFUSED_BACKOFF_MAX_MS)
  }

  get #backoffMinMs(): number {
    return this.#settings.backoffMinMs ?? BACKOFF_MIN_MS
  }

  #backoff(maxMs: number): number {
    return this.#jitter(Math.min(this.#backoffMinMs * 2 ** (this.#failures - 1), maxMs))
  }

  /** Between half and all of `ms`: agents that failed together do not come back together. */
  #jitter(ms: number): number {
    return ms * (0.5 + Math.random() / 2)
  }

  #log(error: Error, message: string): void {
    const now = performance.now()
    if (now - this.#lastLogMs < LOG_INTERVAL_MS) return
    this.#lastLogMs = now
    const { client, logger } = this.#settings
    logger.warn({ server: client.server, error: error.message }, message)
  }
}

/** The server accepted a watch and ended it at once, without an event. */
class ShortWatch extends Error {}
