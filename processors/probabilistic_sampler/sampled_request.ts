/**
 * A request of spans without those that are not kept: its bytes, of which everything else goes over
 * as slices. Only a span whose tracestate changes is put together anew, from its fields' bytes.
 */
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { SpanView } from '../../pipeline/otlp/traces_view.ts'
import { LEN, tag, WireWriter } from '../../pipeline/otlp/wire.ts'
import { FieldReader, WireSource } from '../../pipeline/otlp/wire_reader.ts'
import type { Decisions } from './decisions.ts'
import type { Decision, Priority, Sampler } from './sampler.ts'

/** Fields on the way: of the request, of its resources, of their scopes. */
const CHILDREN = [1, 2, 2] as const
const SPANS = 2
const TRACE_STATE = 3
/** Bytes that lengths are expected to take. */
const GUESS = [3, 3, 2] as const

interface Range {
  readonly start: number
  readonly end: number
}

export interface Sampled {
  /** Undefined: those of the request. */
  readonly bytes?: Uint8Array
  readonly kept: number
  readonly dropped: number
  /** Of both, those of which nobody can say. */
  readonly failed: number
}

/** Undefined: the bytes are not a request. */
export function sampleRequest(
  batch: OtlpBatch,
  sampler: Sampler,
  decisions: Decisions,
): Sampled | undefined {
  const walk = new Walk(batch.bytes, sampler, decisions)
  return walk.run()
}

class Walk {
  readonly #source: WireSource
  readonly #sampler: Sampler
  readonly #decisions: Decisions
  readonly #readers: readonly FieldReader[]
  readonly #fields: FieldReader
  readonly #span: SpanView
  readonly #out: WireWriter
  #kept = 0
  #dropped = 0
  #failed = 0
  #changed = 0

  constructor(bytes: Uint8Array, sampler: Sampler, decisions: Decisions) {
    this.#decisions = decisions
    this.#source = new WireSource(bytes)
    this.#sampler = sampler
    this.#readers = CHILDREN.map(() => new FieldReader(this.#source))
    this.#fields = new FieldReader(this.#source)
    this.#span = new SpanView(this.#source)
    this.#out = new WireWriter(bytes.length + 1024)
  }

  run(): Sampled | undefined {
    this.#message(0, { start: 0, end: this.#source.bytes.length })
    if (this.#source.fault !== undefined) return undefined
    const counts = { kept: this.#kept, dropped: this.#dropped, failed: this.#failed }
    if (this.#dropped + this.#changed === 0) return counts
    return { bytes: this.#out.take(), ...counts }
  }

  /** Writes a message of `level` without what was dropped. */
  #message(level: number, { start, end }: Range): void {
    const reader = this.#readers[level] as FieldReader
    let from = start
    reader.reset(start, end)
    while (reader.next()) {
      const { end: next } = reader
      if (reader.wireType !== LEN || reader.field !== CHILDREN[level]) this.#slice(from, next)
      else if (level < CHILDREN.length - 1) this.#child(level, reader)
      else this.#item(from, reader)
      from = next
    }
  }

  /** One in which no span is left is left out. */
  #child(level: number, { start, end }: Range): void {
    const before = this.#out.at
    const kept = this.#kept
    const guess = GUESS[level] as number
    const content = this.#out.open(tag(CHILDREN[level] as number, LEN), guess)
    this.#message(level + 1, { start, end })
    if (this.#kept > kept) this.#out.close(content, guess)
    else this.#out.at = before
  }

  #item(from: number, { start, end }: Range): void {
    const span = this.#span
    if (!span.over({ start, end })) return
    const traceState = span.traceState
    const subject = { traceId: span.traceId, traceState, priority: priorityOf(span) }
    const decision = this.#sampler.decide(subject)
    this.#decisions.add(decision)
    if (decision.failed) this.#failed++
    if (!decision.kept) {
      this.#dropped++
      return
    }
    this.#kept++
    if (decision.traceState === traceState) this.#slice(from, end)
    else this.#rewrite({ start, end }, decision)
  }

  #rewrite({ start, end }: Range, { traceState }: Decision): void {
    this.#changed++
    const content = this.#out.open(tag(SPANS, LEN), GUESS[SPANS])
    let from = start
    const fields = this.#fields
    fields.reset(start, end)
    while (fields.next()) {
      if (fields.field !== TRACE_STATE) this.#slice(from, fields.end)
      from = fields.end
    }
    if (traceState !== '') this.#out.string(tag(TRACE_STATE, LEN), traceState)
    this.#out.close(content, GUESS[SPANS])
  }

  #slice(from: number, to: number): void {
    this.#out.raw(this.#source.bytes.subarray(from, to))
  }
}

/** Whatever type it has: libraries differ, and formats on the way lose it. */
function priorityOf({ attributes }: SpanView): Priority {
  while (attributes.next()) {
    if (attributes.key !== 'sampling.priority') continue
    const { value } = attributes
    const isText = typeof value === 'string' && value.trim() !== ''
    const number = typeof value === 'number' || isText ? Number(value) : Number.NaN
    if (number === 0) return 'never'
    return number > 0 ? 'always' : 'none'
  }
  return 'none'
}
