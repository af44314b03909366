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

/** The rows of one local end in a batch. */
interface Resource {
  readonly attributes: Uint8Array
  rows: number[]
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
    make: (names) => ({ attributes: encodeResource(names), rows: [] }),
    entriesMax: RESOURCES_MAX,
  })

  constructor(settings: Settings, config: FlowSpansConfig, next: Consumer<'traces'>) {
    this.#settings = settings
    this.#next = next
    this.#spans = new SpanWriter(this.#writer, config)
  }

  /** What `next` answers is the answer: when it refuses, nothing was taken. */
  consume(batch: FlowBatch): Outcome | Promise<Outcome> {
    const resources = this.#group(batch)
    if (resources.length === 0) return this.#account(OK, { spans: 0, rows: batch.rows })
    this.#spans.begin(batch)
    for (const resource of resources) {
      this.#writer.beginResource()
      this.#writer.raw(resource.attributes)
      this.#writer.beginScope('flowspan', this.#settings.version)
      for (const row of resource.rows) this.#spans.write(row)
      resource.rows = []
    }
    const made = this.#writer.finish()
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
    this.#resources.begin(batch)
    for (let row = 0; row < batch.rows; row++) {
      if (kind[row] !== KIND.exchange || state[row] !== STATE.closed) continue
      const resource = this.#resources.at(row)
      if (resource.rows.push(row) === 1) resources.push(resource)
    }
    return resources
  }

  #account(outcome: Outcome, { spans, rows }: { spans: number; rows: number }): Outcome {
    if (outcome.kind !== 'ok') return outcome
    this.#settings.ledger.used('spans', spans)
    this.#settings.ledger.used('no_span', rows - spans)
    return OK
  }
}
