/**
 * Chains against the truth. A span knows its number from what was on the wire, and its place in the
 * chain from its service and its end; its parent must have the same number and the place before.
 */
import { HOPS, type Hop } from '../kit/fleet.ts'
import type { JaegerApi } from '../kit/jaeger_api.ts'
import { type Span, spansOf } from './trace_view.ts'

const CHAIN = ['front', 'orders', 'stock', 'prices', 'ledger', 'cache']
/** Those in whose place others stand where the chain goes on by gRPC. */
const IN_PLACE_OF: Readonly<Record<string, string>> = { quotes: 'prices', book: 'ledger' }

/** Ends of requests in their order; the client of the first is seen by nobody. */
export const PLACES = CHAIN.flatMap((hop) => [`${hop} server`, `${hop} client`]).slice(0, -1)

export interface Score {
  /** Chains of which every span came once, each under the one before, in one trace. */
  whole: number
  correct: number
  /** Spans without a parent that have one in truth. */
  orphan: number
  /** Spans under a parent that is not theirs. */
  wrong: number
  /** Spans of answered requests that did not come. */
  missing: number
  /** Spans that came again. */
  doubled: number
  /** Spans that name a parent which nobody has sent. */
  parentless: number
  /** Of the orphans, how many at which place. */
  orphans: Readonly<Record<string, number>>
}

export class FleetSpans {
  readonly all: readonly Span[]
  readonly #byId: ReadonlyMap<string, Span>

  constructor(all: readonly Span[]) {
    this.all = all
    this.#byId = new Map(all.map((span) => [span.spanId, span]))
  }

  /** What a Jaeger has of traces with these services that began since then, by hosts' clocks. */
  static async read(
    jaeger: JaegerApi,
    { sinceMs, services = HOPS }: { sinceMs: number; services?: readonly Hop[] },
  ): Promise<FleetSpans> {
    const traces = new Map<string, Span[]>()
    for (const hop of services) {
      for (const trace of await jaeger.traces(hop, { sinceMs, limit: TRACES_MAX })) {
        traces.set(trace.traceID, spansOf(trace))
      }
    }
    return new FleetSpans([...traces.values()].flat())
  }

  /** How the chains with these numbers came out. */
  score(numbers: readonly number[]): Score {
    const orphans: Record<string, number> = {}
    const score = {
      whole: 0,
      correct: 0,
      orphan: 0,
      wrong: 0,
      missing: 0,
      doubled: 0,
      parentless: 0,
      orphans,
    }
    const chains = Map.groupBy(this.all, numberOf)
    for (const number of numbers) this.#add(score, chains.get(number) ?? [])
    return score
  }

  #add(score: Score & { orphans: Record<string, number> }, spans: readonly Span[]): void {
    const places = new Set(spans.map(placeOf))
    let correct = 0
    for (const span of spans) {
      const verdict = this.#verdict(span)
      if (verdict === 'correct') correct++
      score[verdict]++
      if (verdict !== 'orphan') continue
      const place = PLACES[placeOf(span)] as string
      score.orphans[place] = (score.orphans[place] ?? 0) + 1
    }
    score.missing += PLACES.length - places.size
    score.doubled += spans.length - places.size
    const isOne = new Set(spans.map(({ traceId }) => traceId)).size === 1
    if (isOne && correct === PLACES.length && spans.length === correct) score.whole++
  }

  #verdict(span: Span): 'correct' | 'orphan' | 'wrong' | 'parentless' {
    const place = placeOf(span)
    if (span.parentId === undefined) return place === 0 ? 'correct' : 'orphan'
    const parent = this.#byId.get(span.parentId)
    if (parent === undefined) return 'parentless'
    const named = this.#named(parent)
    const isRight =
      placeOf(parent) === place - 1 && (named === undefined || named === numberOf(span))
    return isRight ? 'correct' : 'wrong'
  }

  /**
   * The number of the nearest span, from this one up, that has one. Over HTTP/2 connections that
   * are older than their agent, calls have no name: fields refer to what came before.
   */
  #named(span: Span | undefined): number | undefined {
    for (let at = span, steps = 0; at !== undefined && steps < PLACES.length; steps++) {
      const number = numberOf(at)
      if (number !== undefined) return number
      at = this.#byId.get(at.parentId ?? '')
    }
    return undefined
  }
}

const TRACES_MAX = 20_000

export function placeOf({ service, kind }: Span): number {
  return PLACES.indexOf(`${IN_PLACE_OF[service] ?? service} ${kind}`)
}

/** The number in the path, the method or the key. */
export function numberOf({ attributes }: Span): number | undefined {
  const text = ['url.path', 'url.full', 'rpc.method', 'db.query.text']
    .map((key) => attributes[key])
    .find((value) => value !== undefined)
  const digits = /(?:kept\/|fresh\/|grpc\/|Get|chain:)(\d+)$/.exec(String(text))?.[1]
  return digits === undefined ? undefined : Number(digits)
}
