/**
 * The look-ups of one conversation, over UDP or TCP: pairs answers with queries.
 *
 * An answer belongs to the query with its id, and with its question: ids have 16 bits, and a
 * resolver with many queries open, or one that asks for A and AAAA under one id, uses them twice.
 * A query that is sent again while it is open is the same look-up, and counted there.
 */
import type { Exchange, Start } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import type { Shared } from '../shared.ts'
import { OPCODE, operationName, TYPE } from './codes.ts'
import type { DnsMessage } from './message.ts'

/** A zone transfer is over when nothing has come for so long. */
const TRANSFER_SILENCE_NS = 1e9

/** A message, and where it stands. */
export interface Sent {
  readonly start: Start
  /** With what frames it. */
  readonly bytes: number
  readonly ns: number
}

interface Lookup {
  readonly exchange: Exchange
  readonly id: number
  readonly opcode: number
  readonly type: number
  readonly isTransfer: boolean
  /** When the query was sent last, or, of a transfer, something came. */
  lastNs: number
}

export class Lookups {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  /** As many as may wait for an answer on one connection. */
  readonly #open: Lookup[] = []
  /** Bytes were missing: the next query says so. */
  torn = false

  constructor(exchanges: Exchanges, shared: Shared) {
    this.#exchanges = exchanges
    this.#shared = shared
  }

  /** @param flow a name of this look-up that both ends give it; over TCP its connection has one */
  ask(
    message: DnsMessage,
    { start, bytes, ns }: Sent,
    flow?: { lo: number; hi: number },
  ): Exchange {
    const again = this.#open.find((lookup) => isSame(lookup, message))
    if (again !== undefined) {
      again.exchange.repeats++
      again.lastNs = ns
      return again.exchange
    }
    const { opcode, id, type, name } = message
    const isTransfer = message.isTransfer && flow === undefined
    const exchange = this.#exchanges.begin(start, {
      protocol: 'dns',
      method: message.hasQuestion ? operationName(opcode, type) : '',
      target: name,
      truncated: !message.hasQuestion,
      multiplexed: true,
      isLookup: opcode === OPCODE.query,
      flow,
    })
    if (this.torn) exchange.desynchronised = true
    this.torn = false
    exchange.requestBytes = bytes
    this.#open.push({ exchange, id, opcode, type, isTransfer, lastNs: ns })
    this.#exchanges.requestEnd(exchange, { position: 0, ns })
    return exchange
  }

  answer(message: DnsMessage, { start, bytes, ns }: Sent): void {
    const lookup = this.#asked(message)
    if (lookup === undefined) {
      this.#exchanges.orphanResponse()
      return
    }
    const { exchange } = lookup
    if (exchange.responseStartNs === 0) this.#exchanges.answer(exchange, start)
    exchange.responseBytes += bytes
    exchange.status = message.rcode
    exchange.answers ||= message.addresses
    if (message.isTruncated) exchange.answerTruncated = true
    if (goesOn(lookup, message)) {
      lookup.lastNs = ns
      exchange.endNs = ns
      return
    }
    this.#forget(lookup)
    this.#exchanges.responseEnd(exchange, { position: 0, ns })
  }

  /** Ends what nothing comes of any more. */
  expire(exchange: Exchange, nowNs: number): void {
    const lookup = this.#open.find((each) => each.exchange === exchange)
    if (lookup === undefined) return
    if (lookup.isTransfer && exchange.responseStartNs > 0) {
      if (nowNs - lookup.lastNs > TRANSFER_SILENCE_NS) this.#endTransfer(lookup)
      return
    }
    const endNs = lookup.lastNs + this.#shared.dnsTimeoutNs
    if (nowNs < endNs) return
    this.#forget(lookup)
    if (this.#exchanges.isLossy(exchange)) {
      // Its answer may be among what the kernel could not hand over.
      exchange.desynchronised = true
      exchange.endNs = lookup.lastNs
    } else {
      exchange.error = 'timeout'
      exchange.endNs = endNs
    }
    this.#exchanges.close(exchange)
  }

  abandoned(exchange: Exchange): void {
    const at = this.#open.findIndex((lookup) => lookup.exchange === exchange)
    if (at >= 0) this.#open.splice(at, 1)
  }

  /** Its bytes are missing: whatever is open may have been answered among them. */
  lost(endNs: number): void {
    this.#open.length = 0
    this.#exchanges.finish(endNs)
  }

  /** The connection has ended, and with it a transfer that has begun. */
  finish(): void {
    for (const lookup of [...this.#open]) {
      if (lookup.isTransfer && lookup.exchange.responseStartNs > 0) this.#endTransfer(lookup)
    }
    this.#open.length = 0
  }

  /** An error may leave the question out, and is the one's whose id it has, if there is but one. */
  #asked(message: DnsMessage): Lookup | undefined {
    if (message.hasQuestion) return this.#open.find((lookup) => isSame(lookup, message))
    const alike = this.#open.filter(
      ({ id, opcode }) => id === message.id && opcode === message.opcode,
    )
    return alike.length === 1 ? alike[0] : undefined
  }

  #endTransfer(lookup: Lookup): void {
    this.#forget(lookup)
    this.#exchanges.responseEnd(lookup.exchange, { position: 0, ns: lookup.lastNs })
  }

  #forget(lookup: Lookup): void {
    this.#open.splice(this.#open.indexOf(lookup), 1)
  }
}

/** Of changes to a zone one record alone says that there are none (RFC 1995 §2). */
function goesOn({ isTransfer, type }: Lookup, { rcode, answers }: DnsMessage): boolean {
  return isTransfer && rcode === 0 && (type === TYPE.axfr || answers > 1)
}

function isSame({ id, opcode, type, exchange }: Lookup, message: DnsMessage): boolean {
  return (
    id === message.id &&
    opcode === message.opcode &&
    type === message.type &&
    exchange.target === message.name
  )
}
