/** What the search for requests must know of a connection, whoever found it. */
import type { Conversation } from './conversation.ts'
import type { WrittenEnd } from './end_columns.ts'
import type { Identity } from './identity.ts'
import type { Remembered } from './remembered.ts'
import type { Tls } from './tls/tls.ts'

export interface Connection {
  /** A code of TRANSPORT. */
  readonly transport: number
  /** A code of ROLE: which end is seen. */
  readonly role: number
  readonly flowLo: number
  readonly flowHi: number
  readonly idLocal: boolean
  /** 16 bytes each: the client's end, the server's. */
  readonly srcAddress: Uint8Array
  readonly dstAddress: Uint8Array
  readonly srcPort: number
  readonly dstPort: number
  readonly netns: number
  readonly cgroupLo: number
  readonly cgroupHi: number
  /** When connect() was called and by which thread; 0: not known, or an accepted socket. */
  readonly startNs: number
  readonly connectTid: number
  /** How often that thread had slept by then. */
  readonly connectSleeps: number
  /** Microseconds from SYN to ESTABLISHED; NaN: not known. */
  readonly connectUs: number
  /** 0 and '': not known yet. */
  pid: number
  comm: string
  /** What the kernel tells of this end's container and program; undefined: nothing. */
  readonly identity?: Identity | undefined
  srttUs: number
  minRttUs: number
  /** Segments sent again so far. */
  retransmits: number
  /** By who followed it before. */
  readonly remembered?: Remembered | undefined
  /** Made at the first piece. */
  conversation: Conversation | undefined
  /** By end_columns.ts, at the first row. */
  written: WrittenEnd | undefined
  /** What a handshake on it showed. */
  tls: Tls | undefined
}
