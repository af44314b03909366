/**
 * The books of all components as metrics. Names, attributes and meaning are the Collector's where
 * it has them; `flowspan_component_items` says the same of every component in one family.
 */
import type { Meter, ObservableUpDownCounter } from '@opentelemetry/api'
import { SIGNALS } from '../component.ts'
import { ITEM_NAMES } from '../data.ts'
import type { Account } from '../graph/accounts.ts'
import { RECEPTIONS } from '../ledger.ts'
import { booksOf } from './books.ts'
import { collectorCounts } from './collector_counts.ts'
import { type Count, componentCounts } from './component_counts.ts'
import { ITEM_UNITS } from './conventions.ts'

const ITEMS = {
  flowspan_component_items:
    'Items of each component: in = out + used + lost + held, by flow and, if used or lost, reason.',
  flowspan_component_notes: 'Counts of each component beside its balance, by name.',
} as const

const RECEIVER_HELP = {
  accepted: 'handed to the pipeline.',
  refused: 'that the pipeline did not take.',
  failed: 'that the receiver lost or could not read.',
} as const

const EXPORTER_HELP = {
  sent: 'delivered to the destination.',
  send_failed: 'that could not be delivered; detailed: by error.type and error.permanent.',
  enqueue_failed: 'that did not enter the sending queue.',
} as const

interface Of {
  readonly accounts: () => readonly Account[]
  /** Whether failures are told by the type of their error. */
  readonly isDetailed: () => boolean
}

export function measureLedgers(meter: Meter, { accounts, isDetailed }: Of): void {
  const instruments = new Map<string, ObservableUpDownCounter>()
  for (const [name, description] of Object.entries(ITEMS)) {
    instruments.set(name, meter.createObservableUpDownCounter(name, { description, unit: '1' }))
  }
  for (const [name, about] of collectorInstruments()) {
    instruments.set(name, meter.createObservableCounter(name, about))
  }
  meter.addBatchObservableCallback(
    (result) => {
      for (const { name, attributes, value } of totals(accounts(), isDetailed())) {
        result.observe(instruments.get(name) as ObservableUpDownCounter, value, attributes)
      }
    },
    [...instruments.values()],
  )
}

/** What several components call alike is one series, as it is in the Collector. */
function totals(accounts: readonly Account[], isDetailed: boolean): Iterable<Count> {
  const sums = new Map<string, Count>()
  for (const book of booksOf(accounts)) {
    for (const count of componentCounts(book)) add(sums, count)
  }
  for (const { kind, id, signal, ledger } of accounts) {
    if (signal === undefined) continue
    for (const count of collectorCounts(ledger, { kind, id, signal })) {
      add(sums, isDetailed ? count : withoutErrors(count))
    }
  }
  return sums.values()
}

function withoutErrors(count: Count): Count {
  const { 'error.type': type, 'error.permanent': permanent, ...attributes } = count.attributes
  return type === undefined && permanent === undefined ? count : { ...count, attributes }
}

function add(sums: Map<string, Count>, count: Count): void {
  const { name, attributes, value } = count
  const key = JSON.stringify([name, Object.entries(attributes).sort()])
  const known = sums.get(key)
  sums.set(key, known === undefined ? count : { ...known, value: known.value + value })
}

/** Every counter that the books can give, whatever components the configuration has. */
function* collectorInstruments(): Iterable<[string, { unit: string; description: string }]> {
  for (const signal of SIGNALS) {
    const items = ITEM_NAMES[signal]
    const unit = ITEM_UNITS[signal]
    const what = `Number of ${items.replace('_', ' ')}`
    for (const became of RECEPTIONS) {
      const description = `${what} ${RECEIVER_HELP[became]}`
      yield [`otelcol_receiver_${became}_${items}`, { unit, description }]
    }
    for (const [became, help] of Object.entries(EXPORTER_HELP)) {
      yield [`otelcol_exporter_${became}_${items}`, { unit, description: `${what} ${help}` }]
    }
  }
  const description = 'Number of requests to the receiver, by outcome: success, refused, failure.'
  yield ['otelcol_receiver_requests', { unit: '{request}', description }]
  for (const way of ['incoming', 'outgoing']) {
    const description = `Number of items ${way === 'incoming' ? 'given to' : 'passed on by'} the processor.`
    yield [`otelcol_processor_${way}_items`, { unit: '{item}', description }]
  }
}
