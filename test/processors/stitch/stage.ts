/** A stitch processor with a clock that is set by hand and a consumer that keeps what it gets. */
import assert from 'node:assert/strict'
import pino from 'pino'
import type { Consumer } from '../../../pipeline/component.ts'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { KIND, LINK_METHODS, ROLES, ROW_STATES } from '../../../pipeline/flows/schema.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK, type Outcome } from '../../../pipeline/outcome.ts'
import { hex32, hex64 } from '../../../pipeline/u64.ts'
import { type StitchConfig, schema } from '../../../processors/stitch/config.ts'
import { Stitch } from '../../../processors/stitch/stitch.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'
import { batchOf, type Row } from './rows.ts'

/** A row as it left stitch; ids as text, '' where all zero. */
export interface Stitched {
  readonly name: string
  readonly role: string
  readonly state: string
  readonly trace: string
  readonly span: string
  readonly parent: string
  readonly method: string
  readonly confidence: number
  readonly candidateTrace: string
  readonly candidateSpan: string
}

let ids = 0

export class Stage {
  readonly ledger = new Ledger(pino({ level: 'silent' }))
  readonly batches: FlowBatch[] = []
  readonly stitch: Stitch
  /** What the next consumer answers. */
  answer: (batch: FlowBatch) => Outcome | Promise<Outcome> = () => OK
  now = 1000
  /** The longest that a row was held, in milliseconds. */
  longestWait = 0
  /** When each row arrived; its index there is kept in the row's column `netns`. */
  readonly #arrivals: number[] = []

  constructor(options: Partial<StitchConfig> = {}, id = `stitch/${ids++}`) {
    const config = { ...schema.parse({}), ...options }
    const next: Consumer<'flows'> = { mutates: false, consume: (batch) => this.#next(batch) }
    const settings = settingsOf({ id, ledger: this.ledger })
    this.stitch = new Stitch(settings, config, { next, clock: () => this.now })
    this.ledger.heldBy = () => this.stitch.held()
    this.stitch.start()
  }

  send(...rows: Row[]): void {
    const batch = batchOf(rows)
    for (let row = 0; row < batch.rows; row++) {
      batch.base.netns[row] = this.#arrivals.push(this.now) - 1
    }
    const outcome = this.stitch.consume(batch)
    assert.deepEqual(outcome, OK)
    this.ledger.in += rows.length
  }

  pass(ms: number): void {
    this.now += ms
    this.stitch.tick()
  }

  /** All rows that came out, connection rows aside, in order. */
  rows(): Stitched[] {
    return this.batches.flatMap((batch) =>
      Array.from({ length: batch.rows }, (_, row) => row)
        .filter((row) => batch.base.kind[row] === KIND.exchange)
        .map((row) => read(batch, row)),
    )
  }

  row(name: string): Stitched {
    const found = this.rows().filter((row) => row.name === name)
    assert.equal(found.length, 1, `one row named ${name}`)
    return found[0] as Stitched
  }

  /** Asserts that every row taken is accounted for. */
  balance(): void {
    const entry = this.ledger.entry()
    const ended = [...Object.values(entry.lost), ...Object.values(entry.used)]
    const gone = ended.reduce((sum, n) => sum + n, 0)
    assert.equal(entry.in, entry.out + gone + entry.held, JSON.stringify(entry))
  }

  #next(batch: FlowBatch): Outcome | Promise<Outcome> {
    const taken = (outcome: Outcome) => {
      if (outcome.kind !== 'ok') return outcome
      this.batches.push(batch)
      this.ledger.out += batch.rows
      for (let row = 0; row < batch.rows; row++) {
        const arrived = this.#arrivals[batch.base.netns[row] as number] ?? Number.NaN
        this.longestWait = Math.max(this.longestWait, this.now - arrived)
      }
      return outcome
    }
    const outcome = this.answer(batch)
    return outcome instanceof Promise ? outcome.then(taken) : taken(outcome)
  }
}

function read(batch: FlowBatch, row: number): Stitched {
  const { base, stitch } = batch
  assert(stitch, 'the batch has the group stitch')
  return {
    name: batch.text(base.method, row),
    role: ROLES[base.role[row] as number] as string,
    state: ROW_STATES[base.state[row] as number] as string,
    trace: id128(stitch.trace_id, row),
    span: id64(stitch.span_id, row),
    parent: id64(stitch.parent_span_id, row),
    method: LINK_METHODS[stitch.link_method[row] as number] as string,
    confidence: stitch.link_confidence[row] as number,
    candidateTrace: id128(stitch.candidate_trace_id, row),
    candidateSpan: id64(stitch.candidate_span_id, row),
  }
}

export function id64(column: Uint32Array, row: number): string {
  const text = hex64(column[row * 2] as number, column[row * 2 + 1] as number)
  return text === '0'.repeat(16) ? '' : text
}

export function id128(column: Uint32Array, row: number): string {
  const words = [3, 2, 1, 0].map((i) => hex32(column[row * 4 + i] as number)).join('')
  return words === '0'.repeat(32) ? '' : words
}
