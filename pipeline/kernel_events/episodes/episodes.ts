/**
 * From signs to episodes, edge by edge.
 *
 *     delay    the kernel's programs tell when all segments of 60 ms were late: it has begun
 *     jitter   two windows of 50 ms within 150 ms, of any flows of the edge
 *     loss     the cumulative sum of loss_test.ts, of segments; unanswered: the same, of SYNs
 *
 * It goes on while signs come, and is over when none came for a while; its end is the last sign.
 */
import { EPISODE_KIND, STATE } from '../../flows/schema.ts'
import type { Ledger } from '../../ledger.ts'
import type { RowWriter } from '../../requests/rows.ts'
import type { Identities } from '../identities.ts'
import { Episode } from './episode.ts'
import { episodeRow } from './episode_row.ts'
import { LossTest } from './loss_test.ts'
import { Sign } from './sign.ts'

/** Edges with signs: those without for longest make room. */
const EDGES_MAX = 4096
const JITTER_WITHIN_NS = 150e6
/** An episode that goes on has a row so often. */
const UPDATE_NS = 5e9

export interface EpisodesConfig {
  /** The share of segments lost that is to be found. */
  readonly loss: number
  /** An episode is over when nothing of it was seen for so long. */
  readonly end_after: number
}

export const EPISODES: EpisodesConfig = { loss: 0.02, end_after: 1000 }

export interface EpisodesSettings {
  readonly ledger: Ledger
  readonly rows: RowWriter
  readonly identities: Identities
}

interface Edge {
  /** Of segments lost, and of SYNs unanswered, by EPISODE_KIND. */
  readonly tests: Readonly<Record<number, LossTest>>
  /** By EPISODE_KIND. */
  readonly episodes: (Episode | undefined)[]
  jitterNs: number
}

function lossTests(): Edge['tests'] {
  return { [EPISODE_KIND.loss]: new LossTest(), [EPISODE_KIND.unanswered]: new LossTest() }
}

export class Episodes {
  config: EpisodesConfig
  readonly #ledger: Ledger
  readonly #rows: RowWriter
  readonly #identities: Identities
  readonly #edges = new Map<string, Edge>()
  readonly #open = new Set<Episode>()
  readonly #sign = new Sign()

  constructor(config: EpisodesConfig, { ledger, rows, identities }: EpisodesSettings) {
    this.config = config
    this.#identities = identities
    this.#ledger = ledger
    this.#rows = rows
  }

  /** Takes an eye_record. True: a row was made that should not wait. */
  record(view: DataView, at: number): boolean {
    const sign = this.#sign
    sign.fill(view, at)
    this.#ledger.used('signs', 1)
    const edge = this.#edge(sign.edge)
    // The loss test has to see every sign, also while an episode is open.
    const sinceNs = this.#begins(edge, sign)
    const open = edge.episodes[sign.kind]
    if (open !== undefined) {
      open.add(sign, edge.tests[sign.kind]?.share)
      return false
    }
    if (sinceNs === undefined) return false
    const episode = new Episode(sign, sinceNs)
    episode.add(sign, edge.tests[sign.kind]?.share)
    edge.episodes[sign.kind] = episode
    this.#open.add(episode)
    this.#tell(episode, STATE.open, sign.timeNs)
    return true
  }

  /** Ends episodes that are over. True: a row was made that should not wait. */
  sweep(nowNs: number): boolean {
    let told = false
    for (const episode of this.#open) {
      if (episode.isOver(nowNs, this.config.end_after * 1e6)) {
        this.#end(episode, nowNs)
        told = true
      } else if (nowNs - episode.toldNs >= UPDATE_NS) {
        this.#tell(episode, STATE.interim, nowNs)
      }
    }
    return told
  }

  /** The end of the run: what is open ends where it was seen last. */
  stop(): void {
    for (const episode of this.#open) this.#end(episode, episode.lastNs)
  }

  get size(): number {
    return this.#edges.size
  }

  /** When an episode of the sign's kind begins by it: since when it has been; else undefined. */
  #begins(edge: Edge, sign: Sign): number | undefined {
    const test = edge.tests[sign.kind]
    if (test !== undefined) {
      return test.add(sign, this.config.loss) ? test.sinceNs : undefined
    }
    if (sign.kind === EPISODE_KIND.delay) return sign.sinceNs
    const beforeNs = edge.jitterNs
    edge.jitterNs = sign.timeNs
    const isAgain = beforeNs > 0 && sign.timeNs - beforeNs <= JITTER_WITHIN_NS
    return isAgain ? Math.min(beforeNs, sign.sinceNs) : undefined
  }

  #end(episode: Episode, nowNs: number): void {
    this.#open.delete(episode)
    const edge = this.#edges.get(episode.edge)
    if (edge !== undefined) edge.episodes[episode.kind] = undefined
    this.#tell(episode, STATE.closed, nowNs)
  }

  #tell(episode: Episode, state: number, nowNs: number): void {
    episode.toldNs = nowNs
    this.#ledger.in++
    episodeRow(this.#rows, { episode, state, identities: this.#identities })
  }

  /** Moves the edge to the map's end: at its begin is the one without signs for longest. */
  #edge(id: string): Edge {
    const known = this.#edges.get(id)
    if (known !== undefined) {
      this.#edges.delete(id)
      this.#edges.set(id, known)
      return known
    }
    if (this.#edges.size >= EDGES_MAX) this.#forget()
    const edge: Edge = { tests: lossTests(), episodes: [], jitterNs: 0 }
    this.#edges.set(id, edge)
    return edge
  }

  #forget(): void {
    const [[id, edge]] = this.#edges as unknown as [[string, Edge]]
    this.#ledger.note('edges_forgotten', 1)
    for (const episode of edge.episodes) {
      if (episode !== undefined) this.#end(episode, episode.lastNs)
    }
    this.#edges.delete(id)
  }
}
