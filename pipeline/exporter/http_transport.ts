/**
 * One attempt to deliver a batch over OTLP/HTTP: a POST over a kept connection, HTTP/1.1.
 *
 * Redirects are not followed: a backend that moved is for a person to look at, and credentials are
 * not for whoever it names.
 */
import { type ClientRequest, type IncomingMessage, request as plain } from 'node:http'
import { request as secure } from 'node:https'
import type { Logger } from 'pino'
import { type ClientAuthenticator, clientAuthenticator } from '../auth.ts'
import type { Host } from '../component.ts'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { toJson } from '../otlp/json.ts'
import {
  OK,
  type Outcome,
  type Permanent,
  permanent,
  type Retryable,
  retryable,
} from '../outcome.ts'
import { bookPartialSuccess } from './books.ts'
import type { Compressor } from './compression.ts'
import type { HttpAgents } from './http_agents.ts'
import { mediaType, outcomeOfFailure } from './http_status.ts'
import { readJsonResponse, readResponse } from './otlp_response.ts'
import type { SendContext } from './sender.ts'
import type { Transport } from './sending_exporter.ts'

const RESPONSE_BYTES_MAX = 64 * 1024
const CONTENT_TYPES = { proto: 'application/x-protobuf', json: 'application/json' } as const

export interface HttpTarget {
  readonly url: URL
  readonly encoding: keyof typeof CONTENT_TYPES
  readonly compressor: Compressor | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly userAgent: string
  readonly agents: HttpAgents
  /** The extension that gives credentials; `path` is the option that names it. */
  readonly auth: { readonly id: string; readonly path: string } | undefined
}

interface Answer {
  readonly response: IncomingMessage
  readonly body: Buffer
  /** Why the body is not there, and what that means for a request that was taken. */
  readonly fault: Retryable | Permanent | undefined
}

type Failed = NodeJS.ErrnoException & { readonly isStale?: boolean }

export class HttpTransport implements Transport {
  readonly #target: HttpTarget
  /** For messages: neither the user's name and password nor a key in the query. */
  readonly #url: string
  readonly #ledger: Ledger
  readonly #logger: Logger
  readonly #open = new Set<ClientRequest>()
  #authenticator: ClientAuthenticator | undefined
  #isOpen = false

  constructor(target: HttpTarget, books: { ledger: Ledger; logger: Logger }) {
    this.#target = target
    this.#url = `${target.url.origin}${target.url.pathname}`
    this.#ledger = books.ledger
    this.#logger = books.logger
  }

  start(host: Host): void {
    const { auth } = this.#target
    if (auth !== undefined) this.#authenticator = clientAuthenticator(host, auth)
    this.#isOpen = true
  }

  async send(batch: OtlpBatch, { deadline }: SendContext): Promise<Outcome> {
    const { encoding, compressor } = this.#target
    const encoded = encoding === 'json' ? toJson(batch.signal, batch.bytes) : batch.bytes
    if (typeof encoded === 'object' && 'kind' in encoded) {
      return permanent(`the request cannot be written as JSON: ${encoded.reason}`)
    }
    const plainBody = typeof encoded === 'string' ? Buffer.from(encoded) : encoded
    const body = compressor === undefined ? plainBody : await compressor.compress(plainBody)
    if (!this.#isOpen) return retryable('the connection is closed')
    let headers: Record<string, string>
    try {
      headers = this.#headers()
    } catch (error) {
      return retryable(`cannot get credentials: ${(error as Error).message}`)
    }
    let answer = await this.#post(body, { headers, deadline })
    // The server closed a kept connection while the request was on its way into it.
    if ('isStale' in answer && answer.isStale)
      answer = await this.#post(body, { headers, deadline })
    return answer instanceof Error ? outcomeOfError(answer) : this.#judge(batch, answer)
  }

  hurry(): void {}

  close(): void {
    this.#isOpen = false
    for (const request of this.#open) request.destroy(new Error('the connection is closed'))
    this.#target.agents.close()
  }

  #headers(): Record<string, string> {
    const { encoding, compressor, userAgent, headers } = this.#target
    return {
      'content-type': CONTENT_TYPES[encoding],
      'user-agent': userAgent,
      ...(compressor && { 'content-encoding': compressor.encoding }),
      ...headers,
      ...this.#authenticator?.credentials(),
    }
  }

  #post(
    body: Uint8Array,
    { headers, deadline }: { headers: Record<string, string>; deadline: number | undefined },
  ): Promise<Answer | Failed> {
    const { url, agents } = this.#target
    const { promise, resolve } = Promise.withResolvers<Answer | Failed>()
    const start = url.protocol === 'https:' ? secure : plain
    const request = start(url, { method: 'POST', agent: agents.current, headers })
    const timer =
      deadline === undefined
        ? undefined
        : setTimeout(() => request.destroy(timedOut()), Math.max(deadline - performance.now(), 1))
    this.#open.add(request)
    request.on('response', (response) => void readBody(response).then(resolve))
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      resolve(Object.assign(error, { isStale: request.reusedSocket && isReset && this.#isOpen }))
    })
    request.on('close', () => {
      clearTimeout(timer)
      this.#open.delete(request)
    })
    request.end(body)
    return promise
  }

  #judge(batch: OtlpBatch, { response, body, fault }: Answer): Outcome {
    const { statusCode: status = 0, headers } = response
    const contentType = headers['content-type'] ?? ''
    if (status < 200 || status > 299) {
      const retryAfter = headers['retry-after']
      return outcomeOfFailure({ status, contentType, retryAfter, body }, this.#url)
    }
    if (fault !== undefined) return { ...fault, errorType: 'response' }
    const type = mediaType(contentType)
    const isKnown = type === CONTENT_TYPES.proto || type === CONTENT_TYPES.json
    if (body.length === 0 || !isKnown) return OK
    const answer =
      type === CONTENT_TYPES.json ? readJsonResponse(body, batch.signal) : readResponse(body)
    if (answer === undefined) return OK
    if (answer.kind === 'malformed') {
      return { ...permanent(`error parsing the response: ${answer.reason}`), errorType: 'response' }
    }
    bookPartialSuccess({ ledger: this.#ledger, logger: this.#logger }, { batch, answer })
    return OK
  }
}

function timedOut(): NodeJS.ErrnoException {
  return Object.assign(new Error('no answer within the timeout'), { code: 'ETIMEDOUT' })
}

function outcomeOfError(error: NodeJS.ErrnoException): Outcome {
  // Several addresses may have been tried: then the message is empty, and the code is the first's.
  const said = error.message === '' ? (error.code ?? 'unknown error') : error.message
  const reason = `failed to make an HTTP request: ${said}`
  return { ...retryable(reason), errorType: error.code ?? 'request' }
}

/** Never fails: what is wrong with the body does not change the status. */
async function readBody(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > RESPONSE_BYTES_MAX) {
        // It would be as long again the next time.
        const fault = permanent(`the response is longer than ${RESPONSE_BYTES_MAX} bytes`)
        return { response, body: Buffer.alloc(0), fault }
      }
      chunks.push(chunk)
    }
    return { response, body: Buffer.concat(chunks), fault: undefined }
  } catch (error) {
    const fault = retryable(`the response was cut off: ${(error as Error).message}`)
    return { response, body: Buffer.alloc(0), fault }
  }
}
