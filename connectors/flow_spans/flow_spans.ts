import type { Connector, Consumer, Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { EndCache } from '../../pipeline/flows/ends.ts'
import { encodeResource } from '../../pipeline/flows/resource.ts'
import { KIND, STATE } from '../../pipeline/flows/schema.ts'
import { TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { OK, type Outcome, type Retryable } from '../../pipeline/outcome.ts'
import type { FlowSpansConfig } from './config.ts'
import { SpanWriter } from './span.ts'

/** Local ends whose encoded resource is remembered. */
const RESOURCES_MAX = 4096

/** The rows of one local end in a batch: `first`, what is behind it, and so on up to `last`. */
interface Resource {
  readonly attributes: Uint8Array
  first: number
  last: number
  rows: number
}

/** Makes a span of each closed exchange row. */
export class FlowSpans implements Connector<'flows'> {
  readonly mutates = false
  readonly borrows = true
  readonly #settings: Settings
  readonly #next: Consumer<'traces'>
  readonly #writer = new TracesWriter()
  readonly #spans: SpanWriter
  readonly #resources = new EndCache<Resource>('local', {
    make: (names) => ({ attributes: encodeResource(names), first: 0, last: 0, rows: 0 }),
    entriesMax: RESOURCES_MAX,
  })

  /** By row, the next one of its resource. */
  #behind = new Uint32Array(0)
  /** Bytes of a span in the batch before. */
  #spanBytes = 1000

  constructor(settings: Settings, config: FlowSpansConfig, next: Consumer<'traces'>) {
    this.#settings = settings
    this.#next = next
    this.#spans = new SpanWriter(this.#writer, config)
  }

  /** What `next` answers is the answer: when it refuses, nothing was taken. */
  consume(batch: FlowBatch): Outcome | Promise<Outcome> {
    this.#spans.begin(batch)
    const resources = this.#group(batch)
    if (resources.length === 0) return this.#account(OK, { spans: 0, rows: batch.rows })
    for (const resource of resources) this.#write(resource)
    const made = this.#writer.finish()
    this.#spanBytes = made.bytes.length / made.items
    const counts = { spans: made.items, rows: batch.rows }
    const outcome = this.#next.consume(made)
    return outcome instanceof Promise
      ? outcome.then((late) => this.#account(late, counts))
      : this.#account(outcome, counts)
  }

  refusal(): Retryable | undefined {
    return this.#next.refusal?.()
  }

  /** The local ends of the rows that make spans, with those rows. */
  #group(batch: FlowBatch): readonly Resource[] {
    const { kind, state } = batch.base
    const resources: Resource[] = []
    if (this.#behind.length < batch.rows) this.#behind = new Uint32Array(batch.rows * 2)
    this.#resources.begin(batch)
    for (let row = 0; row < batch.rows; row++) {
      if (kind[row] !== KIND.exchange || state[row] !== STATE.closed) continue
      const resource = this.#resources.at(row)
      if (resource.rows === 0) {
        resource.first = row
        resources.push(resource)
      } else this.#behind[resource.last] = row
      resource.last = row
      resource.rows++
      this.#spans.look(row)
    }
    return resources
  }

  #write(resource: Resource): void {
    const writer = this.#writer
    writer.beginResource(resource.rows * this.#spanBytes)
    writer.raw(resource.attributes)
    writer.beginScope('flowspan', this.#settings.version)
    for (let row = resource.first; resource.rows > 0; resource.rows--) {
      this.#spans.write(row)
      row = this.#behind[row] as number
    }
  }

  #account(outcome: Outcome, { spans, rows }: { spans: number; rows: number }): Outcome {
    if (outcome.kind !== 'ok') return outcome
    this.#settings.ledger.used('spans', spans)
    this.#settings.ledger.used('no_span', rows - spans)
    return OK
  }
}
