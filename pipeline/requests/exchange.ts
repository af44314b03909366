/** One request and its response on a connection, seen at one end. */
import type { Process, Thread } from './causes.ts'
import type { Connection } from './connection.ts'
import type { TraceWords } from './traceparent.ts'

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
  readonly trace?: TraceWords | undefined
  /** Its beginning was not seen whole. */
  readonly truncated?: boolean
  /** Its bytes stand among those of others, so the parser counts them: `Exchange.requestBytes`. */
  readonly multiplexed?: boolean
  /** It looks up a name: causes.ts. */
  readonly isLookup?: boolean
  /** A name for the flow that both ends give it, where there is no connection that has one. */
  readonly flow?: { readonly lo: number; readonly hi: number } | undefined
}

/** Made by `beginExchange`; once it has ended it may become another: spare_exchanges.ts. */
export interface Exchange {
  /** Tells those apart that one object has been. */
  readonly serial: number
  readonly connection: Connection
  /** A name that both ends give the flow; not where only this host knows of it. */
  readonly flowLo: number
  readonly flowHi: number
  readonly idLocal: boolean
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
  readonly trace: TraceWords | undefined
  /** Of one that has begun before its connection became that, from then on. */
  multiplexed: boolean
  readonly isLookup: boolean
  readonly requestOffset: number
  readonly startNs: number
  /** Who wrote the request, or has read of it last. */
  readonly pid: number
  tid: number
  /** When it began, in terms of losses of pieces. */
  readonly lossEpoch: number
  readonly retransmitsBefore: number
  /** How often the request was sent again, over UDP. */
  repeats: number

  /** A code of three digits or fewer, where the protocol has such; 0: none. */
  status: number
  /** What failed, as `error.type` names it; '' where nothing did, or `status` tells. */
  error: string
  /** Of a look-up: addresses, separated by commas; and whether the answer did not fit. */
  answers: string
  answerTruncated: boolean
  requestBytes: number
  responseBytes: number
  responseOffset: number
  requestEndNs: number
  responseStartNs: number
  endNs: number
  requestDone: boolean
  responseDone: boolean
  truncated: boolean
  desynchronised: boolean
  /** A code of UNFINISHED. */
  unfinished: number
  /** Its ends may disagree on where a body of it ends. */
  ambiguous: boolean

  /** The request that made the process send this one, and how that is known: causes.ts. */
  cause: Exchange | undefined
  causeMethod: number
  causeConfidence: number
  /** causes.ts: among whose open requests it is, and at which place; and when it was last read. */
  thread: Thread | undefined
  threadSlot: number
  process: Process | undefined
  processSlot: number
  readOrder: number
  /** causes.ts: calls surely in its name, those without an answer, since when there are any. */
  calls: number
  awaited: number
  awaitsSinceNs: number
  /** Its cause is known well enough to count it there, and it does in `awaited`. */
  isSure: boolean
  isAwaited: boolean
  /** Exchanges without an end whose cause it is. */
  named: number
  /** open_exchanges.ts: neighbours in order of begin. */
  previous: Exchange | undefined
  next: Exchange | undefined
  /** When it was told of last while it is open; 0: never. */
  announcedNs: number
  open: boolean
  /** It has ended, and only calls know of it: spare_exchanges.ts. */
  isForgotten: boolean
}

type Writable = { -readonly [K in keyof Exchange]: Exchange[K] }

export interface Beginning {
  readonly start: Start
  readonly request: Request
  readonly lossEpoch: number
  /** One that has ended, to become this one. */
  readonly spare?: Exchange | undefined
}

let begun = 0

/** All of an exchange is written anew, whatever its object was before. */
export function beginExchange(connection: Connection, of: Beginning): Exchange {
  const { request } = of
  const exchange: Writable = of.spare ?? blankExchange(connection)
  begun = (begun + 1) & 0x3fffffff
  exchange.serial = begun
  exchange.connection = connection
  exchange.lossEpoch = of.lossEpoch
  exchange.protocol = request.protocol
  exchange.version = request.version ?? ''
  exchange.method = request.method
  exchange.target = request.target ?? ''
  exchange.host = request.host ?? ''
  exchange.query = request.query ?? ''
  exchange.namespace = request.namespace ?? ''
  exchange.partition = request.partition ?? ''
  exchange.messages = request.messages ?? 0
  exchange.clientId = request.clientId ?? ''
  exchange.waitMaxMs = request.waitMaxMs ?? 0
  exchange.trace = request.trace
  exchange.multiplexed = request.multiplexed ?? false
  exchange.isLookup = request.isLookup ?? false
  exchange.truncated = request.truncated ?? false
  begins(exchange, of.start)
  nameFlow(exchange, request)
  nothingYet(exchange)
  return exchange
}

function begins(exchange: Writable, start: Start): void {
  exchange.requestOffset = start.startOffset
  exchange.startNs = start.startNs
  exchange.pid = start.startPid
  exchange.tid = start.startTid
  exchange.retransmitsBefore = start.startRetransmits
}

function nameFlow(exchange: Writable, { flow }: Request): void {
  const { connection } = exchange
  exchange.flowLo = flow === undefined ? connection.flowLo : flow.lo
  exchange.flowHi = flow === undefined ? connection.flowHi : flow.hi
  exchange.idLocal = flow === undefined && connection.idLocal
}

/** What an exchange is that has only begun. */
function nothingYet(exchange: Writable): void {
  exchange.repeats = 0
  exchange.status = 0
  exchange.error = ''
  exchange.answers = ''
  exchange.answerTruncated = false
  exchange.requestBytes = 0
  exchange.responseBytes = 0
  exchange.responseOffset = 0
  exchange.requestEndNs = 0
  exchange.responseStartNs = 0
  exchange.endNs = 0
  exchange.requestDone = false
  exchange.responseDone = false
  exchange.desynchronised = false
  exchange.unfinished = 0
  exchange.ambiguous = false
  exchange.causeMethod = 0
  exchange.causeConfidence = Number.NaN
  exchange.readOrder = 0
  exchange.calls = 0
  exchange.awaited = 0
  exchange.awaitsSinceNs = 0
  exchange.isSure = false
  exchange.isAwaited = false
  exchange.announcedNs = 0
  exchange.open = true
  exchange.isForgotten = false
}

/**
 * No class, for V8 makes a literal of known form in one go, and an instance of one field after
 * another. NaN where numbers will be beyond 31 bits, so that their places are never changed.
 */
function blankExchange(connection: Connection): Exchange {
  return {
    serial: 0,
    connection,
    flowLo: Number.NaN,
    flowHi: Number.NaN,
    idLocal: false,
    protocol: '',
    version: '',
    method: '',
    target: '',
    host: '',
    query: '',
    namespace: '',
    partition: '',
    messages: 0,
    clientId: '',
    waitMaxMs: 0,
    trace: undefined,
    multiplexed: false,
    isLookup: false,
    requestOffset: 0,
    startNs: Number.NaN,
    pid: 0,
    tid: 0,
    lossEpoch: 0,
    retransmitsBefore: 0,
    repeats: 0,
    status: 0,
    error: '',
    answers: '',
    answerTruncated: false,
    requestBytes: 0,
    responseBytes: 0,
    responseOffset: 0,
    requestEndNs: Number.NaN,
    responseStartNs: Number.NaN,
    endNs: Number.NaN,
    requestDone: false,
    responseDone: false,
    truncated: false,
    desynchronised: false,
    unfinished: 0,
    ambiguous: false,
    cause: undefined,
    causeMethod: 0,
    causeConfidence: Number.NaN,
    thread: undefined,
    threadSlot: 0,
    process: undefined,
    processSlot: 0,
    readOrder: 0,
    calls: 0,
    awaited: 0,
    awaitsSinceNs: Number.NaN,
    isSure: false,
    isAwaited: false,
    named: 0,
    previous: undefined,
    next: undefined,
    announcedNs: Number.NaN,
    open: false,
    isForgotten: false,
  }
}
