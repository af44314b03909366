/** One request and its response on a connection, seen at one end. */
import type { Process, Thread } from './causes.ts'
import type { Connection } from './connection.ts'

/** Where and how a message began: its first byte, who wrote or read that, and when. */
export interface Start {
  /** Position in its direction's stream. */
  readonly startOffset: number
  readonly startNs: number
  readonly startPid: number
  readonly startTid: number
  readonly startSleeps: number
  readonly startRetransmits: number
}

/** What a parser knows of a request when it has begun; names as in pipeline/flows/schema.ts. */
export interface Request {
  /** `http`, `http2`, `grpc`, `redis`, …: the parser's word, of those that the conventions know. */
  readonly protocol: string
  readonly version?: string
  readonly method: string
  readonly target?: string
  /** The authority that it names. */
  readonly host?: string
  /** Its text without values, for protocols that have one. */
  readonly query?: string
  /** The database, or what else stands above the target. */
  readonly namespace?: string
  /** Of messaging: the partition of the target, how many messages are sent to it. */
  readonly partition?: string
  readonly messages?: number
  /** What the client calls itself. */
  readonly clientId?: string
  /** How long it lets the server wait, on purpose, before it answers. */
  readonly waitMaxMs?: number
  /** traceparent as Head.trace has it. */
  readonly trace?: Uint32Array | undefined
  /** Its beginning was not seen whole. */
  readonly truncated?: boolean
  /** Its bytes stand among those of others, so the parser counts them: `Exchange.requestBytes`. */
  readonly multiplexed?: boolean
  /** It looks up a name: causes.ts. */
  readonly isLookup?: boolean
  /** A name for the flow that both ends give it, where there is no connection that has one. */
  readonly flow?: { readonly lo: number; readonly hi: number } | undefined
}

export class Exchange {
  readonly connection: Connection
  protocol: string
  version: string
  method: string
  target: string
  host: string
  query: string
  namespace: string
  partition: string
  messages: number
  readonly clientId: string
  readonly waitMaxMs: number
  readonly trace: Uint32Array | undefined
  /** Of one that has begun before its connection became that, from then on. */
  multiplexed: boolean
  readonly isLookup: boolean
  readonly flow: { readonly lo: number; readonly hi: number } | undefined
  readonly requestOffset: number
  readonly startNs: number
  /** Who wrote the request, or has read of it last. */
  readonly pid: number
  tid: number
  /** The request that made the process send this one, and how that is known: causes.ts. */
  cause: Exchange | undefined
  causeMethod = 0
  causeConfidence = Number.NaN
  /** When it began, in terms of losses of pieces. */
  readonly lossEpoch: number
  readonly retransmitsBefore: number
  /** How often the request was sent again, over UDP. */
  repeats = 0

  /** A code of three digits or fewer, where the protocol has such; 0: none. */
  status = 0
  /** What failed, as `error.type` names it; '' where nothing did, or `status` tells. */
  error = ''
  /** Of a look-up: addresses, separated by commas; and whether the answer did not fit. */
  answers = ''
  answerTruncated = false
  requestBytes = 0
  responseBytes = 0
  responseOffset = 0
  requestEndNs = 0
  responseStartNs = 0
  endNs = 0
  requestDone = false
  responseDone = false
  truncated = false
  desynchronised = false
  /** A code of UNFINISHED. */
  unfinished = 0
  /** Its ends may disagree on where a body of it ends. */
  ambiguous = false

  /** causes.ts: among whose open requests it is, and at which place; and when it was last read. */
  thread: Thread | undefined
  threadSlot = 0
  process: Process | undefined
  processSlot = 0
  readOrder = 0
  /** causes.ts: calls surely in its name, those without an answer, since when there are any. */
  calls = 0
  awaited = 0
  awaitsSinceNs = 0
  /** Its cause is known well enough to count it there, and it does in `awaited`. */
  isSure = false
  isAwaited = false
  /** open_exchanges.ts: neighbours in order of begin. */
  previous: Exchange | undefined
  next: Exchange | undefined
  /** When it was told of last while it is open; 0: never. */
  announcedNs = 0
  open = true

  get flowLo(): number {
    return this.flow === undefined ? this.connection.flowLo : this.flow.lo
  }

  get flowHi(): number {
    return this.flow === undefined ? this.connection.flowHi : this.flow.hi
  }

  get idLocal(): boolean {
    return this.flow === undefined && this.connection.idLocal
  }

  constructor(connection: Connection, of: { start: Start; request: Request; lossEpoch: number }) {
    const { start, request } = of
    this.connection = connection
    this.protocol = request.protocol
    this.version = request.version ?? ''
    this.method = request.method
    this.target = request.target ?? ''
    this.host = request.host ?? ''
    this.query = request.query ?? ''
    this.namespace = request.namespace ?? ''
    this.partition = request.partition ?? ''
    this.messages = request.messages ?? 0
    this.clientId = request.clientId ?? ''
    this.waitMaxMs = request.waitMaxMs ?? 0
    this.trace = request.trace
    this.truncated = request.truncated ?? false
    this.multiplexed = request.multiplexed ?? false
    this.isLookup = request.isLookup ?? false
    this.flow = request.flow
    this.requestOffset = start.startOffset
    this.startNs = start.startNs
    this.pid = start.startPid
    this.tid = start.startTid
    this.lossEpoch = of.lossEpoch
    this.retransmitsBefore = start.startRetransmits
  }
}
