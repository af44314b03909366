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

/** Made by `beginExchange`. */
export interface Exchange {
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
  /** open_exchanges.ts: neighbours in order of begin. */
  previous: Exchange | undefined
  next: Exchange | undefined
  /** When it was told of last while it is open; 0: never. */
  announcedNs: number
  open: boolean
}

/**
 * One that has begun. No class, for V8 makes a literal of known form in one go, and an instance of
 * one field after another: some per cent of what a row takes.
 */
export function beginExchange(
  connection: Connection,
  of: { readonly start: Start; readonly request: Request; readonly lossEpoch: number },
): Exchange {
  const { start, request } = of
  const { flow } = request
  return {
    connection,
    flowLo: flow === undefined ? connection.flowLo : flow.lo,
    flowHi: flow === undefined ? connection.flowHi : flow.hi,
    idLocal: flow === undefined && connection.idLocal,
    protocol: request.protocol,
    version: request.version ?? '',
    method: request.method,
    target: request.target ?? '',
    host: request.host ?? '',
    query: request.query ?? '',
    namespace: request.namespace ?? '',
    partition: request.partition ?? '',
    messages: request.messages ?? 0,
    clientId: request.clientId ?? '',
    waitMaxMs: request.waitMaxMs ?? 0,
    trace: request.trace,
    multiplexed: request.multiplexed ?? false,
    isLookup: request.isLookup ?? false,
    requestOffset: start.startOffset,
    startNs: start.startNs,
    pid: start.startPid,
    tid: start.startTid,
    lossEpoch: of.lossEpoch,
    retransmitsBefore: start.startRetransmits,
    repeats: 0,
    status: 0,
    error: '',
    answers: '',
    answerTruncated: false,
    requestBytes: 0,
    responseBytes: 0,
    responseOffset: 0,
    requestEndNs: 0,
    responseStartNs: 0,
    endNs: 0,
    requestDone: false,
    responseDone: false,
    truncated: request.truncated ?? false,
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
    awaitsSinceNs: 0,
    isSure: false,
    isAwaited: false,
    previous: undefined,
    next: undefined,
    announcedNs: 0,
    open: true,
  }
}
