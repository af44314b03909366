/**
 * Pairs requests and responses by their correlation ids. Brokers answer in the order in which they
 * were asked, so a response also tells that those before it will not come any more.
 *
 * Of records nothing is read but the head of the first batch. Whoever has missed bytes goes on
 * where a piece begins with the head of a message: an id pairs them as surely as before.
 */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import { type FrameSink, Frames } from '../frames.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import { type Remembered, remembered } from '../remembered.ts'
import type { Shared } from '../shared.ts'
import { type Beginning, FetchSessions } from './fetch_sessions.ts'
import { Foothold } from './foothold.ts'
import { API_VERSIONS, shapeOf } from './grammar.ts'
import {
  isRequest,
  MESSAGE_BYTES_MAX,
  REQUEST_HEAD_BYTES,
  RESPONSE_HEAD_BYTES,
  type RequestHead,
  requestHead,
} from './head.ts'
import { ERRORS } from './messages.gen.ts'
import { FETCH, listed, METADATA, PRODUCE, requestOf, SASL_HANDSHAKE } from './requests.ts'
import { Walk } from './walk.ts'

/** Of a message that may be long: as many bytes as its head takes with names of usual length. */
const LONG_HEAD_BYTES = 1024
/** Of others, which are as long as what they list. */
const MESSAGE_BYTES = 8 << 10
/** Tells the names of all topics with their ids. */
const METADATA_BYTES = 64 << 10
/** Answers that are part of how a connection begins: come again with this id, in that version. */
const MEMBER_ID_REQUIRED = 79
const UNSUPPORTED_VERSION = 35
const NO_ACKS = 0

interface Asked {
  readonly exchange: Exchange
  readonly head: RequestHead
  /** Of a Fetch: what its session holds, should it begin one. */
  readonly beginning: Beginning
}

export class KafkaParser implements Parser, FrameSink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #client: Frames
  readonly #server: Frames
  readonly #walk: Walk
  readonly #sessions: FetchSessions
  readonly #clientFoothold = new Foothold()
  readonly #serverFoothold = new Foothold()
  /** Without a response, oldest first. */
  readonly #asked: Asked[] = []
  #clientId = ''
  #torn = false
  #remembered: Remembered

  constructor(exchanges: Exchanges, shared: Shared, before?: Remembered) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#client = new Frames(true, { sink: this, shared })
    this.#server = new Frames(false, { sink: this, shared })
    this.#walk = new Walk(shared.kafkaTopics)
    this.#sessions = new FetchSessions(shared.kafkaTopics)
    this.#remembered = before ?? remembered('kafka')
    if (before === undefined) return
    this.#clientId = before.name
    this.#client.lose()
    this.#server.lose()
  }

  get remembered(): Remembered {
    if (this.#clientId !== this.#remembered.name) {
      this.#remembered = remembered('kafka', { name: this.#clientId })
    }
    return this.#remembered
  }

  get requestPosition(): number {
    return this.#client.position
  }

  get responsePosition(): number {
    return this.#server.position
  }

  get lastNs(): number {
    return Math.max(this.#client.lastNs, this.#server.lastNs)
  }

  feed(piece: Piece, fromClient: boolean): void {
    const frames = fromClient ? this.#client : this.#server
    const before = frames.position
    if (!frames.isLost) {
      frames.feed(piece)
      // What was lost within the piece is lost; what was lost before may begin again with it.
      if (!frames.isLost || piece.offset <= before) return
    } else if (piece.offset < before) {
      frames.feed(piece)
      return
    }
    const again = fromClient
      ? this.#clientFoothold.find(piece, (first) => this.#isRequest(first))
      : this.#serverFoothold.find(piece, (first, total) => this.#isResponse(first, total))
    const [first] = again ?? []
    if (first !== undefined) frames.resume(first.offset)
    for (const part of again ?? [piece]) frames.feed(part)
  }

  sweep(): void {}

  /** Its response may still come, and is nobody's then: no other has its id. */
  abandoned(exchange: Exchange): void {
    const at = this.#asked.findIndex((asked) => asked.exchange === exchange)
    if (at >= 0) this.#asked.splice(at, 1)
  }

  finish(): void {
    this.#client.stop()
    this.#server.stop()
  }

  wantedFrom(fromClient: boolean): number {
    return (fromClient ? this.#client : this.#server).wantedFrom
  }

  wantedBytes(fromClient: boolean): number {
    if (fromClient) return REQUEST_HEAD_BYTES + LONG_HEAD_BYTES
    return RESPONSE_HEAD_BYTES + wantedOfResponse(this.#asked[0])
  }

  headerBytes({ isClient }: Frames): number {
    return isClient ? REQUEST_HEAD_BYTES : RESPONSE_HEAD_BYTES
  }

  bodyBytes({ isClient, header }: Frames): number {
    if (isClient) {
      const head = requestHead(header)
      return head === undefined ? -1 : head.length - (REQUEST_HEAD_BYTES - 4)
    }
    this.#tell(header)
    const length = header.readInt32BE(0)
    return length > MESSAGE_BYTES_MAX ? -1 : length - (RESPONSE_HEAD_BYTES - 4)
  }

  wanted({ isClient, header }: Frames): number {
    if (!isClient) return wantedOfResponse(this.#asked[this.#placeOf(header)])
    return header.readInt16BE(4) === PRODUCE ? LONG_HEAD_BYTES : MESSAGE_BYTES
  }

  frame(frames: Frames): void {
    if (frames.isClient) this.#said(frames)
    else this.#answered(frames)
  }

  ended({ isClient }: Frames): void {
    const { asking } = this.#exchanges
    if (isClient && asking !== undefined) this.#requestEnd(asking)
  }

  lost({ isClient }: Frames): void {
    this.#shared.count('kafka_desynchronised')
    if (!isClient) return
    this.#torn = true
    this.#sessions.clear()
    const { asking } = this.#exchanges
    if (asking === undefined) return
    // Nobody knows where it ends, but its response is still told by its id.
    asking.desynchronised = true
    this.#requestEnd(asking)
  }

  /** The response to a request that has not been seen to its end. */
  #tell(header: Buffer): void {
    if (this.#placeOf(header) >= 0) return
    const request = requestHead(this.#client.header)
    if (request?.correlation === header.readInt32BE(4)) this.#client.tell()
  }

  #requestEnd(exchange: Exchange): void {
    const { position, lastNs } = this.#client
    this.#exchanges.requestEnd(exchange, { position, ns: lastNs })
  }

  #said(frames: Frames): void {
    const head = requestHead(frames.header) as RequestHead
    const walk = this.#begin(frames)
    const clientId = walk.text()
    const shape = shapeOf(head.key, head.version, 'request')
    if (shape?.isFlexible) walk.tags()
    if (shape !== undefined) walk.read(shape)
    if (walk.broken) this.#shared.count('kafka_requests_invalid')
    const { facts } = walk
    const cut = walk.cut || walk.broken
    const fetched = head.key === FETCH ? this.#sessions.asks(facts, cut) : undefined
    const reading = { clientId, facts, cut, query: this.#shared.query, fetched }
    const exchange = this.#exchanges.begin(frames, requestOf(head, reading))
    if (this.#torn) exchange.desynchronised = true
    this.#torn = false
    this.#clientId = clientId
    if (!frames.isAhead) this.#requestEnd(exchange)
    if (head.key === PRODUCE && facts.acks === NO_ACKS) {
      exchange.endNs = frames.lastNs
      this.#exchanges.close(exchange)
      return
    }
    const beginning = head.key === FETCH ? this.#sessions.beginningOf(facts, cut) : undefined
    this.#asked.push({ exchange, head, beginning })
  }

  #answered(frames: Frames): void {
    const at = this.#placeOf(frames.header)
    const asked = this.#asked[at]
    if (asked === undefined) {
      this.#exchanges.orphanResponse()
      return
    }
    // Those before have been answered unseen, or never will be.
    for (const { exchange } of this.#asked.slice(0, at)) this.#exchanges.abandon(exchange)
    this.#asked.shift()
    const { exchange, head } = asked
    this.#exchanges.answer(exchange, frames)
    this.#read(asked, this.#begin(frames))
    const { position, lastNs } = frames
    this.#exchanges.responseEnd(exchange, { position, ns: lastNs })
    // What follows are tokens without heads, of whatever the mechanism is.
    if (head.key === SASL_HANDSHAKE && head.version === 0 && exchange.error === '') {
      this.#shared.count('kafka_sasl_tokens')
      this.finish()
    }
  }

  #read(asked: Asked, walk: Walk): void {
    const { exchange, head } = asked
    const shape = shapeOf(head.key, head.version, 'response')
    if (shape === undefined) return
    // A client learns by ApiVersions what the broker can read, so nothing in its head is new.
    if (shape.isFlexible && head.key !== API_VERSIONS) walk.tags()
    walk.read(shape)
    const { facts } = walk
    if (facts.error !== 0 && !isInvitation(head, facts.error)) {
      exchange.error = ERRORS.get(facts.error) ?? `error_${facts.error}`
    }
    // The head of what is fetched is enough, of others an error may stand anywhere.
    if (head.key === FETCH) this.#fetched(asked, walk)
    else if (walk.cut) exchange.truncated = true
  }

  #fetched({ exchange, beginning }: Asked, { facts, cut }: Walk): void {
    if (cut && facts.places.length === 0) exchange.truncated = true
    if (beginning !== undefined && facts.sessionId !== 0) {
      this.#sessions.begun(facts.sessionId, beginning)
    }
    const isTold = facts.topicCount > 1 || facts.onlyTopic !== ''
    if (!isTold) return
    exchange.target = facts.onlyTopic
    exchange.partition = facts.onlyPartition
    exchange.query = this.#shared.query === 'drop' ? '' : listed(facts)
  }

  #begin({ body, bodyLength }: Frames): Walk {
    this.#walk.begin({ bytes: body, at: 0, to: body.length, end: bodyLength })
    return this.#walk
  }

  /** Of whom the response is. */
  #placeOf(header: Buffer): number {
    const correlation = header.readInt32BE(4)
    return this.#asked.findIndex(({ head }) => head.correlation === correlation)
  }

  #isRequest(first: Buffer): boolean {
    if (first.length < REQUEST_HEAD_BYTES || isRequest(first) !== 'sure') return false
    if (this.#clientId === '') return true
    const from = REQUEST_HEAD_BYTES + 2
    return first.toString('latin1', from, from + this.#clientId.length) === this.#clientId
  }

  /** The id of one that is open, and as long as what was read at once, or longer. */
  #isResponse(first: Buffer, total: number): boolean {
    if (first.length < RESPONSE_HEAD_BYTES || this.#placeOf(first) < 0) return false
    const length = first.readInt32BE(0)
    return length + 4 >= total && length <= MESSAGE_BYTES_MAX
  }
}

/** By KIP-394 and KIP-511: every new member of a group meets it, and every newer client. */
function isInvitation({ key }: RequestHead, error: number): boolean {
  if (error === MEMBER_ID_REQUIRED) return true
  return error === UNSUPPORTED_VERSION && key === API_VERSIONS
}

function wantedOfResponse(asked: Asked | undefined): number {
  if (asked === undefined) return 0
  const { key } = asked.head
  if (key === METADATA) return METADATA_BYTES
  return key === FETCH ? LONG_HEAD_BYTES : MESSAGE_BYTES
}
