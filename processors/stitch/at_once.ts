/**
 * Rows of spans that end here and now, for their parent is settled or there is none: nearly all in
 * an agent.
 */
import type { Columns } from '../../pipeline/flows/batch.ts'
import { LINK_METHOD } from '../../pipeline/flows/schema.ts'
import { decide, noteTraceparent, sameTraceparentAs } from './decide.ts'
import { writeDecided } from './decided.ts'
import { EDGE, type Evidence } from './evidence.ts'
import type { Pin } from './held_rows.ts'
import { NONE } from './id_log.ts'
import { METHOD, PARENT_ID, RECORD_WORDS, TRACE_ID } from './record.ts'
import type { SettledSpans } from './settled_spans.ts'
import { SETTLED, type SpanTable } from './span_table.ts'

export interface AtOnceSettings {
  /** Of the row that is taken. */
  readonly evidence: Evidence
  readonly spans: SpanTable
  readonly settled: SettledSpans
  /** Whether the row of the evidence's span is waited for if it was not seen. */
  readonly isAwaited: (base: Columns<'base'>, row: number) => boolean
}

export class AtOnce {
  readonly #of: AtOnceSettings
  /** What the record that `settledParent` has found is in: good until the next call. */
  parents: Int32Array
  now = 0

  constructor(of: AtOnceSettings) {
    this.#of = of
    this.parents = of.settled.words
  }

  /**
   * Takes a row of which no record was found: false where it has to wait. Only one that is closed
   * ends here.
   */
  take(pin: Pin, row: number, isClosed: boolean): boolean {
    const { evidence, settled } = this.#of
    settled.reserve()
    let client = NONE
    if (evidence.method === LINK_METHOD.identity) {
      const { span } = evidence
      client = settled.find(span[0] as number, span[1] as number, evidence.number)
      if (client !== NONE && this.#joins(client, { pin, row, isClosed })) return true
    }
    return isClosed && this.#settle(client, pin, row)
  }

  /** Whether the row's span is part of its client's record, as it was or is from now on. */
  #joins(client: number, { pin, row, isClosed }: { pin: Pin; row: number; isClosed: boolean }) {
    const { evidence, settled } = this.#of
    let record = client
    if (settled.hasServer(client)) record = settled.renew(client, this.now)
    else {
      if (!isClosed || !settled.hasRoomForServer(client, this.now)) return false
      if (!sameTraceparentAs(settled.words, client, { base: pin.batch.base, row })) return false
      settled.addServer(client)
    }
    writeDecided(settled.asServer(record, evidence.id), 0, { pin, row })
    pin.makeReady(row)
    return true
  }

  /** Where in `parents` the record of the awaited span is, if that has ended; NONE if not. */
  settledParent(): number {
    const { evidence, settled } = this.#of
    const { span, caller, request } = evidence
    this.parents = settled.words
    const client = settled.find(caller[0] as number, caller[1] as number, request)
    if (evidence.method === LINK_METHOD.identity) return client
    if (client !== NONE && settled.hasServer(client)) {
      this.parents = settled.asServer(client, span)
      return 0
    }
    return settled.find(span[0] as number, span[1] as number, request)
  }

  /** @param client of a SERVER's span, its client's record, or NONE */
  #settle(client: number, pin: Pin, row: number): boolean {
    const { base } = pin.batch
    const { evidence, spans, settled } = this.#of
    const { edge, span, id, hash } = evidence
    let parents = settled.words
    let parent = client
    if (edge !== EDGE.none && client === NONE) {
      const slot = spans.find(span[0] as number, span[1] as number)
      if (slot === NONE) {
        if (evidence.method !== LINK_METHOD.identity) {
          parent = this.settledParent()
          parents = this.parents
        }
        if (parent === NONE && this.#of.isAwaited(base, row)) return false
      } else {
        if (spans.state[slot] !== SETTLED) return false
        parent = slot * RECORD_WORDS
        parents = spans.words
      }
    }
    const of = { request: evidence.number, now: this.now }
    const at = settled.add(id[0] as number, id[1] as number, of)
    const { words } = settled
    if (parent === NONE || edge !== EDGE.parent) hash.traceId(words, at + TRACE_ID)
    words[at + PARENT_ID] = 0
    words[at + PARENT_ID + 1] = 0
    noteTraceparent(words, at, { base, row })
    words[at + METHOD] = evidence.method
    decide(words, at, { edge, parents, parent })
    writeDecided(words, at, { pin, row })
    pin.makeReady(row)
    return true
  }
}
