/**
 * Gathers flow rows into batches, and makes rows of exchanges: every column of
 * pipeline/flows/schema.ts (group `base`) that an exchange has a meaning for is written here.
 */
import { type Columns, FlowBatch } from '../flows/batch.ts'
import { KIND, STATE } from '../flows/schema.ts'
import { add } from '../u64.ts'
import { repeatEnds, type WrittenEnd, writeEnd } from './end_columns.ts'
import type { Exchange } from './exchange.ts'
import { protocolOf } from './tls/alpn.ts'
import type { Tls } from './tls/tls.ts'

/** A batch that latency sent away early has room for few rows; the next has more if it filled. */
const ROWS_FIRST = 64

type Base = Columns<'base'>

/** Nanoseconds to add to the clock of pieces to have Unix time, as halves, low first. */
export interface Clock {
  readonly offset: [number, number]
}

export interface RowSettings {
  readonly rowsMax: number
  readonly clock: Clock
  /** Takes a batch that is full. */
  full(batch: FlowBatch): void
  /** The one that a row ends in: Exchange.lossEpoch. */
  lossEpoch(): number
}

export class RowWriter {
  readonly clock: Clock
  readonly #settings: RowSettings
  #rowsMax: number
  #batch: FlowBatch
  /** Rows of it have their end's columns to come from others: end_columns.ts. */
  #repeats = false
  /** performance.now() of the batch's first row. */
  #sinceMs = 0

  constructor(settings: RowSettings) {
    this.clock = settings.clock
    this.#settings = settings
    this.#rowsMax = settings.rowsMax
    this.#batch = new FlowBatch(Math.min(ROWS_FIRST, settings.rowsMax))
  }

  /** The batch that `add` added its row to. */
  get batch(): FlowBatch {
    return this.#batch
  }

  get rows(): number {
    return this.#batch.rows
  }

  /** The one that a row ends in which is made now. */
  get lossEpoch(): number {
    return this.#settings.lossEpoch()
  }

  /** Of batches that are begun from now on. */
  set rowsMax(rowsMax: number) {
    this.#rowsMax = rowsMax
    if (this.rows === 0) this.#batch = new FlowBatch(Math.min(ROWS_FIRST, rowsMax))
  }

  /** Milliseconds that the oldest row has waited. */
  ageMs(nowMs: number): number {
    return this.#batch.rows === 0 ? 0 : nowMs - this.#sinceMs
  }

  /** The rows so far, if there are any; the next ones go to a new batch. */
  take(): FlowBatch | undefined {
    const batch = this.#batch
    if (batch.rows === 0) return undefined
    if (this.#repeats) repeatEnds(batch)
    this.#repeats = false
    const capacity = batch.full ? batch.capacity * 4 : Math.max(ROWS_FIRST, (batch.rows * 5) >> 2)
    this.#batch = new FlowBatch(Math.min(capacity, this.#rowsMax))
    return batch
  }

  /** A new row at the end of `batch`; a batch that was full has been handed over before. */
  add(): number {
    if (this.#batch.full) {
      const batch = this.take()
      if (batch !== undefined) this.#settings.full(batch)
    }
    if (this.#batch.rows === 0) this.#sinceMs = performance.now()
    return this.#batch.addRow()
  }

  /** An exchange row; open as long as the exchange is. What 0 says is there. */
  exchange(exchange: Exchange): void {
    const row = this.add()
    const batch = this.#batch
    const { base } = batch
    const written = writeEnd(batch, row, exchange)
    if (written.row !== row) this.#repeats = true
    if (
      written.protocol !== exchange.protocol ||
      written.version !== exchange.version ||
      written.host !== exchange.host
    ) {
      this.#takeTexts(written, exchange)
    }
    base.kind[row] = KIND.exchange
    base.state[row] = exchange.open ? STATE.open : STATE.closed
    base.protocol[row] = written.protocolAt
    base.protocol_version[row] = written.versionAt
    base.host[row] = written.hostAt
    base.method[row] = batch.strings.intern(exchange.method)
    base.target[row] = batch.strings.intern(exchange.target)
    base.status[row] = exchange.status
    base.request_bytes[row] = exchange.requestBytes
    base.response_bytes[row] = exchange.responseBytes
    base.request_offset[row] = exchange.requestOffset
    this.#connectionState(base, row, exchange)
    this.#times(base, row, exchange)
    this.#links(base, row, exchange)
    this.#seldom(row, exchange)
  }

  /** Texts that the connection's next exchange will have, too. */
  #takeTexts(written: WrittenEnd, { protocol, version, host }: Exchange): void {
    const { strings } = this.#batch
    written.protocol = protocol
    written.version = version
    written.host = host
    written.protocolAt = strings.intern(protocol)
    written.versionAt = strings.intern(version)
    written.hostAt = strings.intern(host)
  }

  #times(base: Base, row: number, exchange: Exchange): void {
    const { startNs, responseStartNs, requestEndNs } = exchange
    this.time(base.start, row, startNs)
    let durationUs = Number.NaN
    if (!exchange.open) {
      const { endNs } = exchange
      this.time(base.end, row, endNs)
      // How long it would have taken nobody knows: it is in no average.
      if (exchange.unfinished === 0) durationUs = (endNs - startNs) / 1000
    }
    base.duration_us[row] = durationUs
    const isAnswered = responseStartNs > 0 && requestEndNs > 0
    // A response may begin before its request has ended; then nobody waited for it.
    base.ttfb_us[row] = isAnswered ? Math.max(0, responseStartNs - requestEndNs) / 1000 : Number.NaN
  }

  /** Written only where it is not what stands there: a column not touched costs no cache. */
  #seldom(row: number, exchange: Exchange): void {
    const { base, strings } = this.#batch
    const { query, namespace, partition, clientId, error, answers } = exchange
    if (query !== '') base.query[row] = strings.intern(query)
    if (namespace !== '') base.namespace[row] = strings.intern(namespace)
    if (partition !== '') base.partition[row] = strings.intern(partition)
    if (clientId !== '') base.client_id[row] = strings.intern(clientId)
    if (error !== '') base.error[row] = strings.intern(error)
    if (answers !== '') base.answers[row] = strings.intern(answers)
    if (exchange.messages !== 0) base.messages[row] = exchange.messages
    if (exchange.waitMaxMs !== 0) base.wait_max_ms[row] = exchange.waitMaxMs
    if (exchange.answerTruncated) base.answer_truncated[row] = 1
    if (exchange.truncated) base.truncated[row] = 1
    if (exchange.desynchronised) base.desynchronised[row] = 1
    if (exchange.ambiguous) base.ambiguous[row] = 1
    if (exchange.unfinished !== 0) base.unfinished[row] = exchange.unfinished
    if (exchange.lossEpoch !== this.#settings.lossEpoch()) base.lossy[row] = 1
  }

  /** What only an exchange has, and of which 0 would be a value: not known on other rows. */
  noExchange(row: number): void {
    const { base } = this.#batch
    base.ttfb_us[row] = Number.NaN
    base.duration_us[row] = Number.NaN
    base.cause_offset[row] = Number.NaN
    base.cause_confidence[row] = Number.NaN
  }

  /** What a handshake showed, on a connection's row. */
  tls(row: number, tls: Tls): void {
    const { base, strings } = this.#batch
    const [protocol, version] = protocolOf(tls.alpn)
    base.protocol[row] = strings.intern(protocol)
    base.protocol_version[row] = strings.intern(version)
    base.tls_server_name[row] = strings.intern(tls.serverName)
    base.tls_version[row] = strings.intern(tls.version)
    base.tls_cipher[row] = strings.intern(tls.cipher)
    base.tls_alpn[row] = strings.intern(tls.alpn)
    base.tls_handshake_us[row] = tls.handshakeUs
    base.tls_resumed[row] = tls.resumed ? 1 : 0
    base.tls_ech[row] = tls.ech ? 1 : 0
  }

  /** Writes a time column; it stays 0, not known, for 0 ns of the clock. */
  time(column: Uint32Array, row: number, ns: number): void {
    if (ns > 0) add(column, 2 * row, this.clock.offset, ns)
  }

  /** When the exchange ended. */
  #connectionState(base: Base, row: number, exchange: Exchange): void {
    const { connection } = exchange
    base.srtt_us[row] = connection.srttUs
    base.min_rtt_us[row] = connection.minRttUs
    const retransmits = Math.max(0, connection.retransmits - exchange.retransmitsBefore)
    if (retransmits + exchange.repeats > 0) base.retransmits[row] = retransmits + exchange.repeats
  }

  #links(base: Base, row: number, exchange: Exchange): void {
    const { cause, trace } = exchange
    base.cause_confidence[row] = exchange.causeConfidence
    if (cause === undefined) base.cause_offset[row] = Number.NaN
    else {
      base.cause_method[row] = exchange.causeMethod
      base.cause_offset[row] = cause.requestOffset
      base.cause_flow_id[2 * row] = cause.flowLo
      base.cause_flow_id[2 * row + 1] = cause.flowHi
    }
    if (trace === undefined) return
    for (let word = 0; word < 4; word++) base.wire_trace_id[4 * row + word] = trace[word] as number
    base.wire_span_id[2 * row] = trace[4] as number
    base.wire_span_id[2 * row + 1] = trace[5] as number
    base.wire_trace_flags[row] = trace[6] as number
  }
}
