/**
 * One unary call, from its headers to its trailers.
 *
 * Whether it may come in is decided by the headers alone: who is refused gets the answer at once,
 * and what was sent of the body is thrown away unread. Statuses and texts are grpc-go's.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Client } from '../../../pipeline/otlp/batch.ts'
import type { Gate } from '../gate.ts'
import type { Intake, RequestSignal as Signal } from '../intake.ts'
import { withMetadata } from '../peer.ts'
import { CODE, encodeResponse, type Status } from '../status.ts'
import { MessageReader } from './message.ts'
import { statusTrailers } from './metadata.ts'
import { type Route, routeOf } from './route.ts'

const { HTTP2_HEADER_STATUS, HTTP2_HEADER_CONTENT_TYPE, NGHTTP2_NO_ERROR } = constants

const GRPC = 'application/grpc'
const RESPONSE = { [HTTP2_HEADER_STATUS]: 200, [HTTP2_HEADER_CONTENT_TYPE]: GRPC }
const OK_TRAILERS = { 'grpc-status': '0' }
/** Before a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5

/** A message that takes longer is not waited for. */
const MESSAGE_MS = 60_000
/**
 * How long the rest of a refused call's body is read for nothing before its stream is reset. A
 * reset that is sent with the answer overtakes it (Node 26), and the client never sees the answer.
 */
const RESET_AFTER_MS = 100

export interface CallSettings {
  readonly intake: Intake
  readonly gate: Gate
  readonly peer: Client
  readonly includeMetadata: boolean
  readonly maxMessageBytes: number
  /** The call is over, and nothing of it is held any more. */
  readonly over: (call: Call) => void
}

export class Call {
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #settings: CallSettings
  readonly #startedAt = performance.now()
  #timeoutMs = Number.POSITIVE_INFINITY
  #reader: MessageReader | undefined
  /** Bytes held of it. */
  #held = 0
  #answered = false
  #refusedAt = Number.POSITIVE_INFINITY

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, settings: CallSettings) {
    this.#stream = stream
    this.#headers = headers
    this.#settings = settings
    stream.on('error', ignore)
    stream.once('close', () => this.#close())
  }

  /** Whether its message has yet to come, or part of it. */
  get isReading(): boolean {
    return this.#reader !== undefined && !this.#answered
  }

  begin(): void {
    const { intake, gate } = this.#settings
    const route = routeOf(this.#headers, (signal) => intake.takes(signal))
    if ('status' in route) {
      this.#refuse(route.status, route)
      return
    }
    this.#timeoutMs = route.timeoutMs
    const verdict = gate.judge(this.#headers)
    if (verdict instanceof Promise) void verdict.then((status) => this.#judged(route, status))
    else this.#judged(route, verdict)
  }

  /** The server's: called several times a second. */
  expire(now: number): void {
    const ageMs = now - this.#startedAt
    if (now - this.#refusedAt >= RESET_AFTER_MS) this.#stream.close(NGHTTP2_NO_ERROR)
    if (this.#answered) return
    if (ageMs >= this.#timeoutMs) {
      this.answer({ code: CODE.deadlineExceeded, message: 'context deadline exceeded' })
    } else if (ageMs >= MESSAGE_MS && this.isReading) {
      const message = `the message did not come within ${MESSAGE_MS / 1000} s`
      this.answer({ code: CODE.deadlineExceeded, message })
    }
  }

  answer(status: Status): void {
    if (status.code !== CODE.ok) {
      this.#refuse(status)
      return
    }
    if (!this.#finish()) return
    const stream = this.#stream
    stream.respond(RESPONSE, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers(OK_TRAILERS))
    stream.end(messageOf(encodeResponse(status)))
  }

  #judged(route: Route, status: Status | undefined): void {
    if (this.#answered) return
    const refusal = status ?? this.#settings.intake.refusal(route.signal, 'grpc')
    if (refusal !== undefined) {
      this.answer(refusal)
      return
    }
    const reader = new MessageReader(this.#settings.maxMessageBytes, route.encoding)
    this.#reader = reader
    this.#stream.on('data', (chunk: Buffer) => {
      if (this.#answered) return
      const wrong = this.#hold(chunk.length, route.signal) ?? reader.add(chunk)
      if (wrong !== undefined) this.answer(wrong)
    })
    this.#stream.once('end', () => {
      if (this.#answered) return
      this.#reader = undefined
      const answer = this.#take(route.signal, reader)
      if (answer instanceof Promise) void answer.then((later) => this.answer(later))
      else this.answer(answer)
    })
  }

  #take(signal: Signal, reader: MessageReader): Status | Promise<Status> {
    const { intake, peer, includeMetadata } = this.#settings
    const bytes = reader.finish()
    if (!Buffer.isBuffer(bytes)) return bytes
    // The pieces are gone now; what was compressed has grown.
    const tooMuch = this.#hold(bytes.length - this.#held, signal)
    if (tooMuch !== undefined) return tooMuch
    const headers = this.#headers
    const client = includeMetadata ? withMetadata(peer, headers) : peer
    const answer = intake.offer(
      { signal, transport: 'grpc', format: 'protobuf', headers, client },
      bytes,
    )
    if (answer instanceof Promise || 'code' in answer) return answer
    const message = `grpc: error unmarshalling request: ${answer.reason} at byte ${answer.offset}`
    return { code: CODE.internal, message }
  }

  /** Accounts for more bytes of the call; why they cannot be held. */
  #hold(bytes: number, signal: Signal): Status | undefined {
    if (bytes <= 0) return undefined
    const { intake } = this.#settings
    if (!intake.inFlight.take(bytes)) return intake.tooMuch(signal, 'grpc')
    this.#held += bytes
    return undefined
  }

  #close(): void {
    this.#answered = true
    this.#settings.intake.inFlight.giveBack(this.#held)
    this.#held = 0
    this.#reader = undefined
    this.#settings.over(this)
  }

  /** False when there is nobody to answer, or an answer already. */
  #finish(): boolean {
    if (this.#answered || this.#stream.destroyed || this.#stream.closed) return false
    this.#answered = true
    return true
  }

  /** Trailers alone; what is still to come of the body is not wanted. */
  #refuse(status: Status, { httpStatus = 200, headers = {} } = {}): void {
    if (!this.#finish()) return
    const stream = this.#stream
    stream.respond(
      { ...RESPONSE, [HTTP2_HEADER_STATUS]: httpStatus, ...headers, ...statusTrailers(status) },
      { endStream: true },
    )
    stream.resume()
    this.#refusedAt = performance.now()
  }
}

function messageOf(response: Uint8Array): Buffer {
  const message = Buffer.alloc(PREFIX_BYTES + response.length)
  message.writeUInt32BE(response.length, 1)
  message.set(response, PREFIX_BYTES)
  return message
}

function ignore(): void {}
