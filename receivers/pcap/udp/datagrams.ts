/**
 * The flows of UDP in a capture, by the addresses and ports of both ends; and what is said in them
 * goes to the search for requests.
 *
 * Where packets say whether they came in or went out, each sight of a datagram is one at the end on
 * the capturing host: what went from pod to pod on one host is seen at both. Else, or if another
 * end is asked for, one sight stands for both.
 */
import { ROLE, STATE } from '../../../pipeline/flows/schema.ts'
import type { Way } from '../../../pipeline/requests/datagrams.ts'
import { Piece } from '../../../pipeline/requests/piece.ts'
import type { PcapConfig } from '../config.ts'
import { hostOf } from '../host.ts'
import { Duplicates } from '../tcp/duplicates.ts'
import { keyOf } from '../wire/key.ts'
import type { Segment } from '../wire/segment.ts'
import { type UdpEnd, UdpFlow } from './flow.ts'

/** Datagrams of all flows between two sights of the same, at most. */
const REMEMBERED = 256
/** A flow that is older has a row while it goes on. */
const OPEN_AFTER_NS = 1e9
/** What tells two datagrams between the same ends apart, mostly: an id, a sequence number. */
const TOLD_APART_BYTES = 64
const OUTGOING = 2

/** Bits: at which ends a sight is one. */
const SENDER = 1
const RECEIVER = 2

export interface DatagramSettings {
  readonly ends: PcapConfig['ends']
  /** Flows at the same time; beyond, the quietest are ended, and counted. */
  readonly flowsMax: number
  /** A flow without a datagram for so long, in the capture's time, is over. */
  readonly idleNs: number
}

export interface DatagramSink {
  read(way: Way, piece: Piece): void
  row(flow: UdpFlow, of: { role: number; end: UdpEnd; state: number }): void
}

export class Datagrams {
  evicted = 0
  seenTwice = 0
  readonly #settings: DatagramSettings
  readonly #sink: DatagramSink
  readonly #flows = new Map<string, UdpFlow>()
  readonly #seen = new Duplicates(REMEMBERED)
  readonly #piece = new Piece()
  #sweptNs = 0

  constructor(settings: DatagramSettings, sink: DatagramSink) {
    this.#settings = settings
    this.#sink = sink
  }

  datagram(segment: Segment): void {
    const sight = this.#sightOf(segment)
    segment.flags = sight
    segment.sequence = contentOf(segment)
    if (this.#seen.isDuplicate(segment)) {
      this.seenTwice++
      return
    }
    const flow = this.#flowOf(segment)
    const sender = flow.senderOf(segment)
    // Whoever sends is there. Whose call it is must be known to who takes it.
    if ((sight & SENDER) !== 0) this.#at(flow, segment, { role: sender, sent: true, isThere: true })
    if ((sight & RECEIVER) === 0) return
    this.#at(flow, segment, { role: 1 - sender, sent: false, isThere: sight === RECEIVER })
  }

  /** Tells of flows that go on, and ends those that are idle; once a second, of the capture. */
  sweep(nowNs: number): void {
    if (nowNs - this.#sweptNs < OPEN_AFTER_NS) return
    this.#sweptNs = nowNs
    for (const [key, flow] of this.#flows) {
      if (nowNs - flow.lastNs > this.#settings.idleNs) {
        this.#flows.delete(key)
        this.#rows(flow, STATE.closed)
      } else if (!flow.isTold && nowNs - flow.firstNs > OPEN_AFTER_NS) {
        this.#rows(flow, STATE.open)
      }
    }
  }

  /** The capture has ended: flows go on behind it, as far as anybody knows. */
  finish(): void {
    for (const flow of this.#flows.values()) this.#rows(flow, STATE.interim)
    this.#flows.clear()
  }

  #sightOf({ direction }: Segment): number {
    if (this.#settings.ends !== 'auto' || direction === 0) return SENDER | RECEIVER
    return direction === OUTGOING ? SENDER : RECEIVER
  }

  #flowOf(segment: Segment): UdpFlow {
    const key = keyOf(segment)
    let flow = this.#flows.get(key)
    if (flow === undefined) {
      if (this.#flows.size >= this.#settings.flowsMax) this.#evict()
      flow = new UdpFlow(segment)
      this.#flows.set(key, flow)
    }
    return flow
  }

  /** A sixteenth at once, so that a flood of flows does not sort them all for each. */
  #evict(): void {
    const byQuiet = [...this.#flows].sort((a, b) => a[1].lastNs - b[1].lastNs)
    const count = Math.ceil(byQuiet.length / 16)
    for (const [key, flow] of byQuiet.slice(0, count)) {
      this.#flows.delete(key)
      this.#rows(flow, STATE.interim)
    }
    this.evicted += count
  }

  #at(
    flow: UdpFlow,
    segment: Segment,
    of: { role: number; sent: boolean; isThere: boolean },
  ): void {
    const { ends } = this.#settings
    if ((ends === 'client' || ends === 'server') && ROLE[ends] !== of.role) return
    flow.count(segment, of)
    const { addresses, sourcePort, destinationPort } = segment
    const [local, remote] = of.sent ? [0, 16] : [16, 0]
    const localAddress = addresses.subarray(local, local + 16)
    const piece = this.#piece
    piece.sent = of.sent
    piece.length = segment.length
    piece.captured = segment.captured
    piece.bytes = segment.bytes
    piece.at = segment.at
    piece.timeNs = segment.timeNs
    piece.pid = hostOf(localAddress)
    piece.tid = piece.pid
    this.#sink.read(
      {
        localAddress,
        remoteAddress: addresses.subarray(remote, remote + 16),
        localPort: of.sent ? sourcePort : destinationPort,
        remotePort: of.sent ? destinationPort : sourcePort,
        netns: 0,
        cgroupLo: 0,
        cgroupHi: 0,
        pid: 0,
        comm: '',
      },
      piece,
    )
  }

  #rows(flow: UdpFlow, state: number): void {
    flow.isTold = true
    for (const role of [ROLE.client, ROLE.server]) {
      const end = flow.ends[role]
      if (end?.isThere) this.#sink.row(flow, { role, end, state })
    }
  }
}

/** FNV-1a, of the ends and the first bytes. */
function contentOf({ addresses, sourcePort, destinationPort, bytes, at, captured }: Segment) {
  let hash = 0x811c9dc5 ^ ((sourcePort << 16) | destinationPort)
  for (const byte of addresses) hash = Math.imul(hash ^ byte, 0x01000193)
  const to = at + Math.min(captured, TOLD_APART_BYTES)
  for (let i = at; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  return hash
}
