/**
 * One request over HTTP and its response. Who is refused by the head of the request gets the answer
 * at once; what was sent of the body is read for nothing, so that the connection stays in step.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Client } from '../../../pipeline/otlp/batch.ts'
import { fromJson } from '../../../pipeline/otlp/from_json.ts'
import type { Malformed } from '../../../pipeline/otlp/wire_reader.ts'
import type { HttpConfig } from '../config.ts'
import type { Gate } from '../gate.ts'
import type { Intake } from '../intake.ts'
import { peerOf, withMetadata } from '../peer.ts'
import {
  CODE,
  encodeResponse,
  encodeStatus,
  httpStatusOf,
  responseJson,
  type Status,
  statusJson,
} from '../status.ts'
import { readBody } from './body.ts'
import { type Cors, isPreflight } from './cors.ts'
import { formatOf, JSON_TYPE, PROTOBUF_TYPE, type Refusal, type Route, routeOf } from './route.ts'

/** So much of a body that nobody wants is read; a client that goes on after that is cut off. */
const UNWANTED_BYTES_MAX = 2 ** 20
const NOTHING = Buffer.alloc(0)

export interface ExchangeSettings {
  readonly config: HttpConfig
  readonly intake: Intake
  readonly gate: Gate
  readonly cors: Cors | undefined
  readonly headers: OutgoingHttpHeaders
  /** Whether the connection ends with this response. */
  readonly isLast: () => boolean
  readonly over: (exchange: Exchange) => void
}

export class Exchange {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #settings: ExchangeSettings
  #corsHeaders: OutgoingHttpHeaders = {}
  #held = 0
  #isReading = false
  #answered = false

  constructor(request: IncomingMessage, response: ServerResponse, settings: ExchangeSettings) {
    this.#request = request
    this.#response = response
    this.#settings = settings
    response.once('close', () => this.#close())
  }

  /** Whether its body has yet to come, or part of it. */
  get isReading(): boolean {
    return this.#isReading && !this.#answered
  }

  /** @param wantsLeave whether the client waits for a `100 Continue` before it sends the body */
  begin(wantsLeave: boolean): void {
    const { cors, gate } = this.#settings
    const { method, headers } = this.#request
    if (cors !== undefined && isPreflight(method, headers)) {
      this.#corsHeaders = cors.preflight(headers)
      this.#send(204, { body: NOTHING, headers: {} })
      return
    }
    this.#corsHeaders = cors?.headers(headers) ?? {}
    const verdict = gate.judge(this.#credentials())
    if (verdict instanceof Promise) void verdict.then((status) => this.#judged(status, wantsLeave))
    else this.#judged(verdict, wantsLeave)
  }

  /** The status in the encoding of the request. */
  answer(status: Status): void {
    this.#answer(status, httpStatusOf(status.code))
  }

  #judged(status: Status | undefined, wantsLeave: boolean): void {
    if (this.#answered) return
    const { config, intake } = this.#settings
    if (status !== undefined) {
      this.answer(status)
      return
    }
    const route = routeOf(this.#request, config, (signal) => intake.takes(signal))
    if ('httpStatus' in route) {
      this.#refuse(route)
      return
    }
    const refusal = intake.refusal(route.signal, 'http')
    if (refusal !== undefined) {
      this.answer(refusal)
      return
    }
    if (wantsLeave) this.#response.writeContinue()
    this.#read(route)
  }

  #read(route: Route): void {
    this.#isReading = true
    const { config, intake } = this.#settings
    const hold = (bytes: number): Status | undefined => {
      if (bytes <= 0) return undefined
      if (!intake.inFlight.take(bytes)) return intake.tooMuch(route.signal, 'http')
      this.#held += bytes
      return undefined
    }
    const settings = { maxBytes: config.max_request_body_size, encoding: route.encoding, hold }
    readBody(this.#request, settings, (body) => {
      this.#isReading = false
      if (this.#answered) return
      const answer = Buffer.isBuffer(body) ? this.#offer(route, body) : body
      if (answer instanceof Promise) void answer.then((later) => this.answer(later))
      else if ('code' in answer) this.answer(answer)
      else this.answer(malformed(answer))
    })
  }

  #offer(route: Route, body: Buffer): Status | Malformed | Promise<Status> {
    const { intake, config } = this.#settings
    const { signal, format } = route
    const { headers, headersDistinct, socket } = this.#request
    const bytes = format === 'json' ? fromJson(signal, body) : body
    if (!(bytes instanceof Uint8Array)) return intake.malformed(signal, 'http', bytes)
    const peer: Client = peerOf(socket)
    const client = config.include_metadata ? withMetadata(peer, headersDistinct) : peer
    return intake.offer({ signal, transport: 'http', format, headers, client }, bytes)
  }

  /** The headers, and the parameters of the URL that `request_params` names. */
  #credentials() {
    const { headers, url = '' } = this.#request
    const names = this.#settings.config.auth?.request_params ?? []
    if (names.length === 0) return headers
    const query = new URLSearchParams(url.split('?')[1] ?? '')
    const found = names.filter((name) => query.has(name))
    const given = found.map((name) => [name.toLowerCase(), query.getAll(name)])
    return { ...headers, ...Object.fromEntries(given) }
  }

  #refuse(refusal: Refusal): void {
    if ('status' in refusal) this.#answer(refusal.status, refusal.httpStatus)
    else {
      const headers = { 'content-type': 'text/plain' }
      this.#send(refusal.httpStatus, { body: refusal.text, headers })
    }
  }

  #answer(status: Status, httpStatus: number): void {
    const isJson = formatOf(this.#request) !== 'protobuf'
    const isOk = status.code === CODE.ok
    const headers: OutgoingHttpHeaders = { 'content-type': isJson ? JSON_TYPE : PROTOBUF_TYPE }
    if (status.afterMs !== undefined && (httpStatus === 429 || httpStatus === 503)) {
      headers['retry-after'] = String(Math.ceil(status.afterMs / 1000))
    }
    const protobuf = isOk ? encodeResponse(status) : encodeStatus(status)
    const json = isOk ? responseJson(status) : statusJson(status)
    this.#send(httpStatus, { body: isJson ? json : protobuf, headers })
  }

  #send(
    httpStatus: number,
    { body, headers }: { body: string | Uint8Array; headers: OutgoingHttpHeaders },
  ): void {
    const response = this.#response
    if (this.#answered || response.destroyed) return
    this.#answered = true
    response.writeHead(httpStatus, {
      ...this.#settings.headers,
      ...this.#corsHeaders,
      ...headers,
      'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
      ...(this.#settings.isLast() && { connection: 'close' }),
    })
    response.end(body)
    if (!this.#request.complete) this.#readForNothing()
  }

  #readForNothing(): void {
    const { socket } = this.#request
    let bytes = 0
    this.#request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > UNWANTED_BYTES_MAX) socket.destroy()
    })
  }

  #close(): void {
    this.#answered = true
    this.#settings.intake.inFlight.giveBack(this.#held)
    this.#held = 0
    this.#settings.over(this)
  }
}

function malformed({ reason, offset }: Malformed): Status {
  return { code: CODE.invalidArgument, message: `${reason} at byte ${offset}` }
}
