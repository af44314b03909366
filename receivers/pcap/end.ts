/** One end of a captured connection, as the search for requests sees it. */
import { ROLE, TRANSPORT } from '../../pipeline/flows/schema.ts'
import type { Connection } from '../../pipeline/requests/connection.ts'
import type { Conversation } from '../../pipeline/requests/conversation.ts'
import type { WrittenEnd } from '../../pipeline/requests/end_columns.ts'
import type { Tls } from '../../pipeline/requests/tls/tls.ts'
import type { TcpConnection } from './tcp/connection.ts'
import type { Direction } from './tcp/direction.ts'

export class End implements Connection {
  readonly transport = TRANSPORT.tcp
  readonly role: number
  /** Stands for the process: everything that a host sends may be caused by what it received. */
  readonly host: number
  readonly netns = 0
  readonly cgroupLo = 0
  readonly cgroupHi = 0
  /** A capture knows neither process nor thread. */
  readonly pid = 0
  readonly comm = ''
  readonly connectTid = 0
  readonly connectSleeps = 0
  conversation: Conversation | undefined
  written: WrittenEnd | undefined
  tls: Tls | undefined
  readonly #of: TcpConnection

  constructor(of: TcpConnection, { role, host }: { role: number; host: number }) {
    this.#of = of
    this.role = role
    this.host = host
  }

  get flowLo(): number {
    return this.#of.flowLo
  }

  get flowHi(): number {
    return this.#of.flowHi
  }

  get idLocal(): boolean {
    return this.#of.idLocal
  }

  get srcAddress(): Uint8Array {
    return this.#of.srcAddress
  }

  get dstAddress(): Uint8Array {
    return this.#of.dstAddress
  }

  get srcPort(): number {
    return this.#of.srcPort
  }

  get dstPort(): number {
    return this.#of.dstPort
  }

  get startNs(): number {
    return this.#of.synNs
  }

  get connectUs(): number {
    return connectUs(this.#of)
  }

  get srttUs(): number {
    return bothWays(this.#of, (direction) => direction.rtt.smoothedUs)
  }

  get minRttUs(): number {
    return bothWays(this.#of, (direction) => direction.rtt.leastUs)
  }

  /** Of what this end sent. */
  get retransmits(): number {
    return (this.#of.directions[this.role] as Direction).retransmits
  }
}

/**
 * From the SYN to the acknowledgement of the SYN-ACK: as long as connect() took, wherever between
 * the ends the capture was made, for what it saw late at the one end it sees late at the other.
 */
export function connectUs({ synNs, establishedNs }: TcpConnection): number {
  return synNs === 0 || establishedNs === 0 ? Number.NaN : (establishedNs - synNs) / 1000
}

/** A round trip is from the capture to the server and back, and to the client and back. */
export function bothWays(
  { directions }: TcpConnection,
  of: (direction: Direction) => number,
): number {
  return Math.round(
    of(directions[ROLE.client] as Direction) + of(directions[ROLE.server] as Direction),
  )
}
