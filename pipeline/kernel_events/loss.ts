/**
 * What the kernel could not hand over, from its counters (bpf/events.h, enum counter) into the
 * ledger: each loss is something that came in and is lost.
 */
import type { Ledger } from '../ledger.ts'
import { COUNTER } from './events.gen.ts'

/** The kernel programs' counters, by COUNTER. */
export interface CounterReader {
  /** Exact up to 2^53. */
  read(index: number): number
}

/** What is booked of each counter, kept where it outlives this process. */
export interface Booked extends CounterReader {
  write(index: number, value: number): void
}

/** Reasons as the ledger names them. */
const LOSSES = [
  [COUNTER.COUNTER_CONN_LOST_RING, 'connection_ring_full'],
  [COUNTER.COUNTER_CONN_LOST_STORAGE, 'socket_storage_full'],
  [COUNTER.COUNTER_LISTENER_LOST_RING, 'listener_ring_full'],
  [COUNTER.COUNTER_IDENTITY_LOST_RING, 'identity_ring_full'],
  [COUNTER.COUNTER_CONN_MISSED, 'connection_program_busy'],
  [COUNTER.COUNTER_PAYLOAD_LOST_RING, 'payload_ring_full'],
  [COUNTER.COUNTER_PAYLOAD_MISSED, 'payload_program_busy'],
  [COUNTER.COUNTER_UDP_LOST_RING, 'connection_ring_full'],
  [COUNTER.COUNTER_EYE_LOST_RING, 'connection_ring_full'],
] as const

/** Datagrams that no flow counts. No row is made of any of them, so none lacks them. */
const UNCOUNTED = [
  [COUNTER.COUNTER_UDP_LOST_FLOWS, 'udp_flows_full'],
  [COUNTER.COUNTER_UDP_LOST_HEADERS, 'udp_header_unread'],
] as const

/** Counts outside the balance, as the ledger notes them. */
const NOTES = [
  [COUNTER.COUNTER_CONN_EVENTS, 'kernel_connection_events'],
  [COUNTER.COUNTER_PAYLOAD_EVENTS, 'kernel_payload_events'],
  [COUNTER.COUNTER_CONN_OWN, 'own_connections'],
  [COUNTER.COUNTER_CONN_UNSELECTED, 'unselected_connections'],
  [COUNTER.COUNTER_PAYLOAD_FAULT, 'payload_faults'],
  [COUNTER.COUNTER_LISTENER_EVENTS, 'kernel_listener_events'],
  [COUNTER.COUNTER_IDENTITY_EVENTS, 'kernel_identity_events'],
  [COUNTER.COUNTER_INTERIM_PUT_OFF, 'interim_rows_put_off'],
  [COUNTER.COUNTER_OLDER_FOUND, 'older_connections_found'],
  [COUNTER.COUNTER_OLDER_MET, 'older_connections_met'],
  [COUNTER.COUNTER_OLDER_SHARED, 'older_connections_shared'],
  [COUNTER.COUNTER_OLDER_QUEUED, 'older_connections_not_accepted'],
  [COUNTER.COUNTER_OLDER_MPTCP, 'older_connections_mptcp'],
  [COUNTER.COUNTER_EYE_EVENTS, 'kernel_signs'],
  [COUNTER.COUNTER_EDGES_FULL, 'edges_full'],
  [COUNTER.COUNTER_UDP_EVENTS, 'kernel_udp_events'],
  [COUNTER.COUNTER_UDP_OWN, 'own_udp_flows'],
  [COUNTER.COUNTER_UDP_UNSELECTED, 'unselected_udp_flows'],
  [COUNTER.COUNTER_MARKS_LOST_STORAGE, 'socket_marks_full'],
] as const

export class KernelLosses {
  /** Grows with each reading that found a loss. A row that began in an earlier epoch is lossy. */
  epoch = 0
  /**
   * The epoch before the last reading but one. What is drained after a reading may be as old as the
   * one before: behind the end of the ring that was noted then, and before losses that it found.
   */
  epochBefore = 0
  #epochNext = 0
  readonly #counters: CounterReader
  readonly #ledger: Ledger
  readonly #booked: Booked | undefined
  readonly #seen: number[]

  /**
   * Goes on from what is `booked`: what was lost since, a process that was killed had no time to
   * book. Without it, counts from the start of the kernel programs if nobody has read the rings
   * before, else from now on.
   */
  constructor(
    counters: CounterReader,
    ledger: Ledger,
    { first, booked }: { first: boolean; booked?: Booked | undefined },
  ) {
    this.#counters = counters
    this.#ledger = ledger
    this.#booked = booked
    const seen = (index: number) => (first ? 0 : counters.read(index))
    this.#seen = Array.from({ length: COUNTER.COUNTER_MAX }, (_, index) =>
      booked === undefined ? seen(index) : booked.read(index),
    )
  }

  /**
   * Reads the counters. To be called after the end of the payload ring was noted and before it is
   * drained up to there: then every loss between its records has been counted.
   */
  update(): void {
    let lost = 0
    this.epochBefore = this.#epochNext
    this.#epochNext = this.epoch
    for (const [index, reason] of LOSSES) lost += this.#lost(index, reason)
    for (const [index, reason] of UNCOUNTED) this.#lost(index, reason)
    if (lost > 0) this.epoch++
    for (const [index, name] of NOTES) {
      const count = this.#since(index)
      if (count > 0) this.#ledger.note(name, count)
    }
  }

  #lost(index: number, reason: string): number {
    const count = this.#since(index)
    this.#ledger.in += count
    this.#ledger.lost(reason, count)
    return count
  }

  #since(index: number): number {
    const value = this.#counters.read(index)
    const count = value - (this.#seen[index] as number)
    if (count === 0) return 0
    this.#seen[index] = value
    this.#booked?.write(index, value)
    return count
  }
}
