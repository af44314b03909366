/**
 * What both protocols do with a request: ask whether it may come in, check its bytes, offer it to
 * the pipeline of its signal, and account for it.
 */
import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { Consumer, Settings, Signal, SignalData } from '../../pipeline/component.ts'
import { ITEM_NAMES, itemsOf } from '../../pipeline/data.ts'
import type { Client, OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { checkRequest } from '../../pipeline/otlp/check.ts'
import type { Malformed } from '../../pipeline/otlp/wire_reader.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'
import type { InFlight } from '../../pipeline/server/in_flight.ts'
import { divideLogs, rejectedOf } from './flow_records.ts'
import { CODE, OK_STATUS, type Status, statusOf } from './status.ts'

/** What a request is of; rows of flows come in requests of logs. */
export type RequestSignal = OtlpBatch['signal']
export type Transport = 'grpc' | 'http'
/** Names in lower case, as node:http and node:http2 give them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** The Collector's names of a receiver's operations. */
const OPERATIONS: { readonly [S in Signal]: string } = {
  traces: 'TraceDataReceived',
  metrics: 'MetricsReceived',
  logs: 'LogsReceived',
  flows: 'FlowsReceived',
}

/** The pipelines that a request may have data for, the first of which answers for it. */
const TAKERS: { readonly [S in RequestSignal]: readonly Signal[] } = {
  traces: ['traces'],
  metrics: ['metrics'],
  logs: ['logs', 'flows'],
}

/** One signal of one generation of the receiver: what the graph made. */
export interface Member {
  readonly signal: Signal
  readonly settings: Settings
  readonly next: Consumer<Signal>
}

export interface Request {
  readonly signal: RequestSignal
  readonly transport: Transport
  readonly format: 'protobuf' | 'json'
  readonly headers: RequestHeaders
  readonly client: Client
}

export class Intake {
  readonly inFlight: InFlight
  /** By signal, the latest last: it gets the data, and leaves it to the one before when it goes. */
  readonly #members: { readonly [S in Signal]: Member[] } = {
    flows: [],
    traces: [],
    metrics: [],
    logs: [],
  }
  /** Offered to a pipeline whose answer has not come. */
  readonly #pending = new Map<Member, Set<Promise<Outcome>>>()
  /** The signals will come no more: whoever asks is to ask again, elsewhere. */
  closing = false
  /** Members that are about to leave, and get data until they do. */
  readonly #leaving = new Set<Member>()
  /** Signals that have a pipeline, whose members have not joined yet. */
  readonly #expected: Set<Signal>

  constructor(inFlight: InFlight, expected: Iterable<Signal>) {
    this.inFlight = inFlight
    this.#expected = new Set(expected)
  }

  get isEmpty(): boolean {
    return Object.values(this.#members).every((members) => members.length === 0)
  }

  get allLeave(): boolean {
    return Object.values(this.#members).every((members) =>
      members.every((member) => this.#leaving.has(member)),
    )
  }

  join(member: Member): void {
    this.#expected.delete(member.signal)
    this.#members[member.signal].push(member)
  }

  leaves(member: Member): void {
    this.#leaving.add(member)
  }

  /** No more data for this member; resolves when all that it was given has been answered. */
  async leave(member: Member, deadline: AbortSignal): Promise<void> {
    const members = this.#members[member.signal]
    const index = members.indexOf(member)
    if (index >= 0) members.splice(index, 1)
    this.#leaving.delete(member)
    const late = new Promise<void>((resolve) => {
      if (deadline.aborted) resolve()
      else deadline.addEventListener('abort', () => resolve(), { once: true })
    })
    while (this.#pending.has(member) && !deadline.aborted) {
      await Promise.race([late, Promise.allSettled(this.#pending.get(member) ?? [])])
    }
  }

  /** Asked before the body is read: why the request cannot come in, whatever is in it. */
  refusal(signal: RequestSignal, transport: Transport): Status | undefined {
    const takers = this.#takers(signal)
    const [first] = takers
    if (first === undefined) return this.#nobody(signal)
    const refusals = takers.map((member) => member.next.refusal?.())
    const [refusal] = refusals
    if (refusal === undefined || refusals.includes(undefined)) return undefined
    first.settings.ledger.note(`refused_requests_unread{${transport}}`, 1)
    first.settings.ledger.request(transport, 'refused')
    return statusOf(refusal)
  }

  /** Whether the signal has a pipeline. */
  takes(signal: RequestSignal): boolean {
    return (
      this.closing ||
      TAKERS[signal].some((taker) => this.#expected.has(taker) || this.#members[taker].length > 0)
    )
  }

  /** More bytes are held than may be. */
  tooMuch(signal: RequestSignal, transport: Transport): Status {
    const { ledger } = this.#takers(signal)[0]?.settings ?? {}
    ledger?.note(`refused_requests_in_flight{${transport}}`, 1)
    ledger?.request(transport, 'refused')
    const mib = this.inFlight.maxBytes / 2 ** 20
    const message = `more than ${mib} MiB of requests are in flight`
    return { code: CODE.unavailable, message, afterMs: 1000 }
  }

  /** Offers a request's bytes to the pipeline. Malformed when they are not a request. */
  offer(request: Request, bytes: Uint8Array): Status | Malformed | Promise<Status> {
    const { signal, transport, client } = request
    const [first] = this.#takers(signal)
    if (first === undefined) return this.#nobody(signal)
    const items = checkRequest(signal, bytes)
    if (typeof items !== 'number') return this.malformed(signal, transport, items)
    // As in the Collector, the pipeline is not asked about nothing.
    if (items === 0) {
      first.settings.ledger.request(transport, 'success')
      return OK_STATUS
    }
    const batch: OtlpBatch = { signal, bytes, items, client }
    const flows = signal === 'logs' ? this.#latest('flows') : undefined
    if (flows !== undefined) return this.#offerLogs(request, batch, flows)
    const outcome = this.#consume(first, request, batch)
    return outcome instanceof Promise ? outcome.then(statusOf) : statusOf(outcome)
  }

  /** Counts a request that is none. */
  malformed(signal: RequestSignal, transport: Transport, fault: Malformed): Malformed {
    const { ledger, logger } = this.#takers(signal)[0]?.settings ?? {}
    ledger?.note(`malformed_requests{${transport}}`, 1)
    ledger?.request(transport, 'failure')
    logger?.debug({ ...fault, transport }, 'Malformed request')
    return fault
  }

  /**
   * Rows go to the pipeline of flows, all else to that of logs. First the logs, of which a second
   * delivery would be seen: rows have an identity.
   */
  #offerLogs(request: Request, batch: OtlpBatch, flows: Member): Status | Promise<Status> {
    const { transport } = request
    const logs = this.#latest('logs')
    const divided = divideLogs(batch, { hasLogs: logs !== undefined })
    if (divided === undefined) return this.#nobody('logs')
    const { rows, others, rejected } = divided
    // What is decoded takes other room than what came, which the caller holds.
    const room = Math.max((rows?.byteLength ?? 0) - batch.bytes.length, 0)
    if (!this.inFlight.take(room)) return this.tooMuch('logs', transport)
    const finish = (outcome: Outcome): Status => {
      this.inFlight.giveBack(room)
      if (outcome.kind !== 'ok' || rejected === undefined) return statusOf(outcome)
      return rejectedOf(rejected, { ...flows.settings, transport })
    }
    const offerRows = (outcome: Outcome): Outcome | Promise<Outcome> =>
      outcome.kind !== 'ok' || rows === undefined ? outcome : this.#consume(flows, request, rows)
    const first =
      others === undefined || logs === undefined ? OK : this.#consume(logs, request, others)
    const last = first instanceof Promise ? first.then(offerRows) : offerRows(first)
    return last instanceof Promise ? last.then(finish) : finish(last)
  }

  #latest(signal: Signal): Member | undefined {
    return this.#members[signal].at(-1)
  }

  #takers(signal: RequestSignal): Member[] {
    return TAKERS[signal].flatMap((taker) => this.#latest(taker) ?? [])
  }

  #consume(member: Member, request: Request, data: SignalData[Signal]): Outcome | Promise<Outcome> {
    const { signal, settings } = member
    const { ledger, tracer, id } = settings
    const parent = propagation.extract(context.active(), request.headers)
    const span = tracer.startSpan(
      `receiver/${id}/${OPERATIONS[signal]}`,
      { kind: SpanKind.SERVER },
      parent,
    )
    const items = itemsOf(data)
    const settle = (outcome: Outcome): Outcome => {
      const isTaken = outcome.kind === 'ok'
      if (isTaken) ledger.in += items
      ledger.reception(request.transport, isTaken ? 'accepted' : 'refused', items)
      ledger.request(request.transport, isTaken ? 'success' : 'refused')
      endSpan(span, request, { signal, outcome, items })
      return outcome
    }
    const consume = () => member.next.consume(data)
    const outcome = span.isRecording()
      ? context.with(trace.setSpan(parent, span), consume)
      : consume()
    if (!(outcome instanceof Promise)) return settle(outcome)
    const settled = outcome.then(settle)
    this.#hold(member, settled)
    return settled
  }

  #hold(member: Member, outcome: Promise<Outcome>): void {
    const pending = this.#pending.get(member) ?? new Set()
    this.#pending.set(member, pending)
    pending.add(outcome)
    const done = () => {
      pending.delete(outcome)
      if (pending.size === 0) this.#pending.delete(member)
    }
    outcome.then(done, done)
  }

  #nobody(signal: RequestSignal): Status {
    if (this.closing) return { code: CODE.unavailable, message: 'the receiver is shutting down' }
    if (TAKERS[signal].some((taker) => this.#expected.has(taker))) {
      return { code: CODE.unavailable, message: 'the receiver is starting' }
    }
    return { code: CODE.unimplemented, message: `no pipeline takes ${signal} from this receiver` }
  }
}

function endSpan(
  span: Span,
  request: Request,
  { signal, outcome, items }: { signal: Signal; outcome: Outcome; items: number },
): void {
  if (!span.isRecording()) return
  const accepted = outcome.kind === 'ok'
  const name = ITEM_NAMES[signal]
  span.setAttributes({
    transport: request.transport,
    format: request.format,
    [`accepted_${name}`]: accepted ? items : 0,
    [`refused_${name}`]: accepted ? 0 : items,
  })
  if (!accepted) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.reason })
  span.end()
}
