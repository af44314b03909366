/**
 * Pods by IP and time.
 *
 * An IP is given to one pod after another, so the question is never "whose is it" but "whose was it
 * when this row began". Each IP has a short list of intervals:
 *
 *     10.1.0.7   ├── job-x ──┤ (Succeeded; the object still carries the IP)
 *                              ├── web-1 ──┤
 *                                        ├── web-2 ───▶
 *
 * Where two overlap (the API tells an end late, and a start before the IP was given out) an end
 * that is proven by the containers' finish times wins, else the later start.
 */
import { AddressMap, parseAddress } from './addresses.ts'
import type { End } from './end.ts'
import type { PodObject } from './objects.ts'
import { SameTimes } from './same_times.ts'

/** Clocks of two nodes may differ: a row may begin this much before the pod's start. */
const CLOCK_SKEW_MS = 2000
/** A pod that gets another IP while it lives had it for a moment before the API said so. */
const STATUS_DELAY_MS = 5000
/** Ended intervals kept at most, whatever the grace period: about 30 MB. */
const TOMBSTONES_MAX = 100_000

export interface Pod {
  object: PodObject
  /** Made from `object` and what the owners and the node say; see Cluster. */
  end: End | undefined
  endEpoch: number
  /** Of its containers, by id; as old as `end`. */
  readonly containerEnds: Map<string, End>
  /** Unix ms; Infinity while it lives. */
  untilMs: number
}

interface Interval {
  readonly pod: Pod
  readonly address: Uint8Array
  readonly fromMs: number
  untilMs: number
  /** `untilMs` is when the containers finished, rather than when we were told. */
  proven: boolean
  /** When the end was entered: the beginning of its grace period. */
  endedAtMs: number
}

export interface PodsSettings {
  /** How long an interval can still be found after its end, in ms. */
  readonly graceMs: number
  /** Told about each address that a pod has now and did not have before. */
  readonly onAddress?: (address: Uint8Array) => void
  /** Unix ms; the wall clock unless a test has its own. */
  readonly now?: () => number
}

export class Pods {
  /** Narrowed by each `at`; for who asks to widen it before. */
  readonly same = new SameTimes()
  readonly #byAddress = new AddressMap<Interval[]>()
  readonly #byUid = new Map<string, { pod: Pod; intervals: Interval[] }>()
  /** Ended intervals, the oldest first. */
  #tombstones: Interval[] = []
  readonly #settings: PodsSettings
  readonly #now: () => number

  constructor(settings: PodsSettings) {
    this.#settings = settings
    this.#now = settings.now ?? Date.now
  }

  get size(): number {
    return this.#byUid.size
  }

  get addresses(): number {
    return this.#byAddress.size
  }

  get(uid: string): Pod | undefined {
    return this.#byUid.get(uid)?.pod
  }

  uids(): IterableIterator<string> {
    return this.#byUid.keys()
  }

  /** The pod that had the address (16 bytes at `at`) at a time in Unix ms. */
  at(bytes: Uint8Array, at: number, timeMs: number): Pod | undefined {
    const intervals = this.#byAddress.get(bytes, at)
    if (intervals === undefined) return undefined
    let best: Interval | undefined
    let early: Interval | undefined
    for (const interval of intervals) {
      this.same.changes(interval.untilMs, timeMs)
      if (timeMs >= interval.untilMs) continue
      this.same.changes(interval.fromMs - CLOCK_SKEW_MS, timeMs)
      this.same.changes(interval.fromMs, timeMs)
      if (timeMs >= interval.fromMs) {
        if (best === undefined || wins(interval, best)) best = interval
      } else if (interval.fromMs - timeMs <= CLOCK_SKEW_MS) {
        if (early === undefined || interval.fromMs < early.fromMs) early = interval
      }
    }
    return (best ?? early)?.pod
  }

  /** The pod that has the address now, else the one that had it last and is not forgotten yet. */
  latest(bytes: Uint8Array, at: number): Pod | undefined {
    let best: Interval | undefined
    for (const interval of this.#byAddress.get(bytes, at) ?? []) {
      const isLater = best === undefined || interval.untilMs > best.untilMs
      if (isLater || (interval.untilMs === best?.untilMs && wins(interval, best))) best = interval
    }
    return best?.pod
  }

  /** Takes the newest state of a pod. Answers with the pod when what is kept of it has changed. */
  upsert(object: PodObject): Pod | undefined {
    const known = this.#byUid.get(object.uid)
    if (known === undefined) return this.#add(object)
    const { pod, intervals } = known
    if (sameObject(pod.object, object)) return undefined
    const hadAddress = intervals.length > 0
    pod.object = object
    pod.end = undefined
    if (pod.untilMs !== Number.POSITIVE_INFINITY) return pod
    if (object.ended) {
      this.#end(known, object)
      return pod
    }
    const wanted = addressesOf(object)
    const kept = intervals.filter((i) => wanted.some((w) => Buffer.compare(i.address, w) === 0))
    const gone = intervals.filter((i) => !kept.includes(i))
    this.#bury(gone, this.#now(), false)
    known.intervals = kept
    const fromMs = hadAddress ? this.#now() - STATUS_DELAY_MS : this.#startOf(object)
    for (const address of wanted) {
      if (kept.some((i) => Buffer.compare(i.address, address) === 0)) continue
      kept.push(this.#open(pod, address, fromMs))
    }
    return pod
  }

  /** The object was deleted; `object` is its last state, where that is known. */
  remove(uid: string, object?: PodObject): void {
    const known = this.#byUid.get(uid)
    if (known === undefined) return
    this.#byUid.delete(uid)
    if (known.pod.untilMs === Number.POSITIVE_INFINITY) {
      this.#end(known, object ?? known.pod.object)
    }
  }

  /** Forgets intervals whose grace period is over. */
  sweep(): void {
    const before = this.#now() - this.#settings.graceMs
    let count = Math.max(0, this.#tombstones.length - TOMBSTONES_MAX)
    while ((this.#tombstones[count]?.endedAtMs ?? Number.POSITIVE_INFINITY) <= before) count++
    for (const interval of this.#tombstones.slice(0, count)) this.#forget(interval)
    this.#tombstones = this.#tombstones.slice(count)
  }

  #add(object: PodObject): Pod {
    const pod: Pod = {
      object,
      end: undefined,
      endEpoch: 0,
      containerEnds: new Map(),
      untilMs: Number.POSITIVE_INFINITY,
    }
    const record = { pod, intervals: [] as Interval[] }
    this.#byUid.set(object.uid, record)
    const now = this.#now()
    const stale = object.ended && (object.finishedMs ?? now) < now - this.#settings.graceMs
    if (stale) {
      pod.untilMs = object.finishedMs as number
      return pod
    }
    const fromMs = this.#startOf(object)
    for (const address of addressesOf(object)) {
      record.intervals.push(this.#open(pod, address, fromMs))
    }
    if (object.ended) this.#end(record, object)
    return pod
  }

  #startOf(object: PodObject): number {
    return object.startMs ?? this.#now()
  }

  #open(pod: Pod, address: Uint8Array, fromMs: number): Interval {
    const interval: Interval = {
      pod,
      address,
      fromMs,
      untilMs: Number.POSITIVE_INFINITY,
      proven: false,
      endedAtMs: 0,
    }
    const others = this.#byAddress.get(address)
    if (others === undefined) this.#byAddress.set(address, [interval])
    else others.push(interval)
    this.#settings.onAddress?.(address)
    return interval
  }

  /**
   * Without finish times the end is when we are told, or when the kubelet's time was up if that
   * was earlier: a deletion may be seen late, after an outage of the watch.
   */
  #end(record: { pod: Pod; intervals: Interval[] }, object: PodObject): void {
    const now = this.#now()
    const proven = object.ended && object.finishedMs !== undefined
    const untilMs = proven
      ? Math.min(object.finishedMs as number, now)
      : Math.min(object.deletionMs ?? now, now)
    record.pod.untilMs = untilMs
    this.#bury(record.intervals, untilMs, proven)
    record.intervals = []
  }

  #bury(intervals: readonly Interval[], untilMs: number, proven: boolean): void {
    for (const interval of intervals) {
      interval.untilMs = untilMs
      interval.proven = proven
      interval.endedAtMs = this.#now()
      this.#tombstones.push(interval)
    }
  }

  #forget(interval: Interval): void {
    const intervals = this.#byAddress.get(interval.address)
    if (intervals === undefined) return
    const rest = intervals.filter((i) => i !== interval)
    if (rest.length === 0) this.#byAddress.delete(interval.address)
    else this.#byAddress.set(interval.address, rest)
  }
}

function wins(a: Interval, b: Interval): boolean {
  return a.proven === b.proven ? a.fromMs > b.fromMs : a.proven
}

/** A pod on the host's network has the node's addresses, which say nothing about it. */
function addressesOf(object: PodObject): readonly Uint8Array[] {
  if (object.hostNetwork) return []
  return object.addresses.map(parseAddress).filter((a) => a !== undefined)
}

function sameObject(a: PodObject, b: PodObject): boolean {
  return (
    a.name === b.name &&
    a.namespace === b.namespace &&
    a.node === b.node &&
    a.hostNetwork === b.hostNetwork &&
    a.startMs === b.startMs &&
    a.ended === b.ended &&
    a.finishedMs === b.finishedMs &&
    a.deletionMs === b.deletionMs &&
    a.owner?.uid === b.owner?.uid &&
    a.templateHash === b.templateHash &&
    a.annotatedName === b.annotatedName &&
    a.labelledName === b.labelledName &&
    a.staticUid === b.staticUid &&
    a.containers.length === b.containers.length &&
    a.containers.every(({ id }, i) => id === b.containers[i]?.id) &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, i) => address === b.addresses[i])
  )
}
