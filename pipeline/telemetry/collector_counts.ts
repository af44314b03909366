/**
 * What the Collector's helpers would have counted for one component, out of its books.
 *
 * - receiver accepted, refused, failed: by transport, as the receiver says; of one that does not
 *   say: `out`, losses by a refusal, other losses;
 * - receiver requests: by transport and outcome, as the receiver says (in the Collector behind its
 *   gate receiverhelper.newReceiverMetrics);
 * - processor incoming, outgoing: `in`, `out`;
 * - exporter sent: `used`, but for what stays on disk;
 * - exporter enqueue_failed: notes `refused_…`, when the exporter had no room;
 * - exporter send_failed: losses, and the note `send_failed` where the caller or the disk keeps
 *   what failed; of an exporter without that note, refusals that no lack of room explains.
 */
import type { Kind, Signal } from '../component.ts'
import { ITEM_NAMES } from '../data.ts'
import { type Ledger, RECEPTIONS, REQUEST_OUTCOMES } from '../ledger.ts'
import { sum } from './books.ts'
import type { Count } from './component_counts.ts'

interface Of {
  readonly kind: Kind
  readonly id: string
  readonly signal: Signal
}

/** The graph's own reason and note, for data that a component did not take. */
const REFUSED = 'refused'
const HAD_NO_ROOM = 'refused_'
/** What exporters with a queue note and book (pipeline/exporter/books.ts). */
const FAILED = 'send_failed'
const NOT_SENT: ReadonlySet<string> = new Set(['stored', 'empty'])
const NOT_TRIED: ReadonlySet<string> = new Set([REFUSED, 'undecodable'])

export function* collectorCounts(ledger: Ledger, of: Of): Iterable<Count> {
  if (of.kind === 'receiver') yield* receiverCounts(ledger, of)
  else if (of.kind === 'exporter') yield* exporterCounts(ledger, of)
  else if (of.kind === 'processor') {
    const attributes = { processor: of.id, 'otel.signal': of.signal }
    yield { name: 'otelcol_processor_incoming_items', attributes, value: ledger.in }
    yield { name: 'otelcol_processor_outgoing_items', attributes, value: ledger.out }
  }
}

function* receiverCounts(ledger: Ledger, { id, signal }: Of): Iterable<Count> {
  for (const [transport, counts] of ledger.requests) {
    for (const outcome of REQUEST_OUTCOMES) {
      const attributes = { receiver: id, transport, outcome }
      yield { name: 'otelcol_receiver_requests', attributes, value: counts[outcome] }
    }
  }
  const total = ofBalance(ledger)
  // Not before something came: by then it is known whether there are transports to tell apart.
  if (ledger.received.size === 0 && sum(total) === 0) return
  const received = ledger.received.size > 0 ? ledger.received : [['', total] as const]
  for (const [transport, counts] of received) {
    const attributes = { receiver: id, transport }
    for (const became of RECEPTIONS) {
      const name = `otelcol_receiver_${became}_${ITEM_NAMES[signal]}`
      yield { name, attributes, value: counts[became] }
    }
  }
}

/** Of a receiver that makes items rather than to take them from somebody: the kernel's. */
function ofBalance(ledger: Ledger) {
  const { out, lost } = ledger.entry()
  const refused = sum(only(lost, (reason) => reason.startsWith(REFUSED)))
  return { accepted: out, refused, failed: sum(lost) - refused }
}

function* exporterCounts(ledger: Ledger, { id, signal }: Of): Iterable<Count> {
  const items = ITEM_NAMES[signal]
  const attributes = { exporter: id }
  const { used, lost } = ledger.entry()
  const notes = Object.fromEntries(ledger.notes)
  const noRoom = sum(only(notes, (name) => name.startsWith(HAD_NO_ROOM)))
  const sent = sum(only(used, (reason) => !NOT_SENT.has(reason)))
  yield { name: `otelcol_exporter_sent_${items}`, attributes, value: sent }
  yield { name: `otelcol_exporter_enqueue_failed_${items}`, attributes, value: noRoom }
  const failed = (reason: string, value: number, type = reason): Count => ({
    name: `otelcol_exporter_send_failed_${items}`,
    attributes: { ...attributes, 'error.type': type, 'error.permanent': reason === 'permanent' },
    value,
  })
  const typed = new Map<string, number>()
  for (const [type, reasons] of ledger.lostByError) {
    for (const [reason, count] of reasons) {
      typed.set(reason, (typed.get(reason) ?? 0) + count)
      yield failed(reason, count, type)
    }
  }
  // Always there, so that the first failure is an increase and no new series.
  const told = notes[FAILED] ?? Math.max((notes[REFUSED] ?? 0) - noRoom, 0)
  yield failed(REFUSED, told)
  for (const [reason, count] of Object.entries(only(lost, (reason) => !NOT_TRIED.has(reason)))) {
    const rest = count - (typed.get(reason) ?? 0)
    if (rest > 0) yield failed(reason, rest)
  }
}

function only(
  counts: Readonly<Record<string, number>>,
  wanted: (key: string) => boolean,
): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([key]) => wanted(key)))
}
