/** The figures of a connection record that can be added up, and what held it up. */
import type { RowWriter } from '../requests/rows.ts'
import { u64 } from './connections.ts'
import { ConnFigures, ConnRecord } from './events.gen.ts'

export interface FiguresRecord {
  readonly view: DataView
  readonly at: number
  readonly row: number
  /** When the record was made, and when its connection was established; 0: not known. */
  readonly nowNs: number
  readonly establishedNs: number
  readonly dropReasons: readonly string[]
}

export function figuresRow(rows: RowWriter, record: FiguresRecord): void {
  const { view, row } = record
  const { base, strings } = rows.batch
  const at = record.at + ConnRecord.figures
  const u32 = (field: number) => view.getUint32(at + field, true)
  const wide = (field: number) => u64(view, at + field)
  const busyUs = wide(ConnFigures.busy_us)
  base.busy_us[row] = busyUs
  base.rwnd_limited_us[row] = wide(ConnFigures.rwnd_limited_us)
  base.sndbuf_limited_us[row] = wide(ConnFigures.sndbuf_limited_us)
  base.idle_us[row] = idleUs(record, busyUs)
  base.delivery_rate[row] = wide(ConnFigures.delivery_rate)
  base.reord_seen[row] = u32(ConnFigures.reord_seen)
  base.dsack_dups[row] = u32(ConnFigures.dsack_dups)
  base.delivered_ce[row] = u32(ConnFigures.delivered_ce)
  base.last_data_sent_ms[row] = u32(ConnFigures.last_sent_ms)
  base.last_data_received_ms[row] = u32(ConnFigures.last_received_ms)
  base.worst_rtt_100ms_us[row] = u32(ConnFigures.worst_rtt_us)
  base.drops[row] = u32(ConnFigures.drops)
  const reason = u32(ConnFigures.drop_reason)
  base.drop_reason[row] = strings.intern(reason === 0 ? '' : reasonName(record, reason))
  base.bytes_sent_delta[row] = wide(ConnFigures.sent_since)
  base.bytes_received_delta[row] = wide(ConnFigures.received_since)
  base.retransmits_delta[row] = u32(ConnFigures.retrans_since)
  base.drops_delta[row] = u32(ConnFigures.drops_since)
  base.busy_delta_us[row] = wide(ConnFigures.busy_since_us)
  base.rwnd_limited_delta_us[row] = wide(ConnFigures.rwnd_limited_since_us)
  base.sndbuf_limited_delta_us[row] = wide(ConnFigures.sndbuf_limited_since_us)
}

/** A reason that the kernel's enum does not have is another subsystem's: its number. */
function reasonName({ dropReasons }: FiguresRecord, reason: number): string {
  return dropReasons[reason] || String(reason)
}

/** Not below 0: the stopwatches are as exact as the kernel's tick. */
function idleUs({ nowNs, establishedNs }: FiguresRecord, busyUs: number): number {
  if (nowNs === 0 || establishedNs === 0) return Number.NaN
  return Math.max(0, (nowNs - establishedNs) / 1000 - busyUs)
}
