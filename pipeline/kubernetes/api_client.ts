/**
 * The two requests that a reflector makes of the Kubernetes API: a page of a list, and a watch.
 *
 * HTTP/1.1 with keep-alive: a list's pages share a connection, each watch has its own.
 */
import http from 'node:http'
import https from 'node:https'
import { JsonLines } from './json_lines.ts'

/** How to reach an API server and what to show it. */
export interface Access {
  /** `https://host:port/prefix`, without a slash at the end. */
  readonly server: string
  readonly ca?: string
  /** The name in the server's certificate, when it is not the host. */
  readonly serverName?: string
  readonly skipVerify?: boolean
  /** Where this was found, for log lines: `service account`, a file. */
  readonly source: string
  /** Asked before each request, as tokens rotate. */
  credentials(): Promise<Credentials>
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly cert?: string
  readonly key?: string
}

/** The server's answer was not the object that was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status, or the code of a Status object inside a watch. */
  readonly status: number
  readonly retryAfterMs: number | undefined

  constructor(status: number, message: string, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

export interface Request {
  /** Path and query, such as `/api/v1/pods?limit=500`. */
  readonly path: string
  readonly accept: string
  readonly signal: AbortSignal
  /** How long the stream may stay without a byte, in ms. */
  readonly inactivityMs: number
}

/** A list of 500 objects of 1.5 MB, etcd's limit, would be more; real ones are 2–10 MB. */
const LIST_BYTES_MAX = 256 * 1024 * 1024
/** Twice etcd's limit for an object, as JSON is longer than protobuf. */
const WATCH_LINE_BYTES_MAX = 4 * 1024 * 1024
const ERROR_BYTES_MAX = 64 * 1024
/** TCP keep-alive finds a peer that vanished; a watch may well be silent for a minute. */
const KEEP_ALIVE_MS = 30_000

export class ApiClient {
  readonly #access: Access
  readonly #agent: http.Agent
  readonly #userAgent: string

  constructor(access: Access, options: { userAgent: string }) {
    this.#access = access
    this.#userAgent = options.userAgent
    const secure = access.server.startsWith('https:')
    const settings = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxFreeSockets: 2 }
    this.#agent = secure ? new https.Agent(settings) : new http.Agent(settings)
  }

  get server(): string {
    return this.#access.server
  }

  /** The JSON value that the server answers with. Throws an ApiError for any status but 200. */
  async get(request: Request): Promise<unknown> {
    const response = await this.#request(request)
    return JSON.parse((await body(response, LIST_BYTES_MAX)).toString('utf8'))
  }

  /**
   * Gives each event of a watch to `onEvent` and ends when the server ends the stream. Throws an
   * ApiError, a SyntaxError for a line that is no JSON, or what went wrong with the connection.
   */
  async watch(request: Request, onEvent: (event: unknown) => void): Promise<void> {
    const response = await this.#request(request)
    const lines = new JsonLines(WATCH_LINE_BYTES_MAX)
    for await (const chunk of response) lines.push(chunk as Buffer, onEvent)
    if (lines.pending > 0) throw new SyntaxError('The watch ended within a line')
  }

  close(): void {
    this.#agent.destroy()
  }

  async #request(request: Request): Promise<http.IncomingMessage> {
    const { headers, cert, key } = await this.#access.credentials()
    const response = await this.#send(request, {
      headers: {
        accept: request.accept,
        'user-agent': this.#userAgent,
        ...headers,
      },
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    })
    const status = response.statusCode ?? 0
    if (status === 200) return response
    throw await errorOf(status, response)
  }

  #send(request: Request, options: https.RequestOptions): Promise<http.IncomingMessage> {
    const { server, ca, serverName, skipVerify } = this.#access
    const { request: send } = server.startsWith('https:') ? https : http
    return new Promise((resolve, reject) => {
      const sent = send(
        `${server}${request.path}`,
        {
          ...options,
          agent: this.#agent,
          signal: request.signal,
          timeout: request.inactivityMs,
          rejectUnauthorized: skipVerify !== true,
          ...(ca !== undefined && { ca }),
          ...(serverName !== undefined && { servername: serverName }),
        },
        resolve,
      )
      sent.on('timeout', () => {
        sent.destroy(new Error(`Nothing came from the API server for ${request.inactivityMs} ms`))
      })
      sent.on('error', reject)
      sent.end()
    })
  }
}

async function body(response: http.IncomingMessage, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > bytesMax) throw new RangeError(`Cannot read an answer over ${bytesMax} bytes`)
    parts.push(chunk as Buffer)
  }
  return Buffer.concat(parts)
}

async function errorOf(status: number, response: http.IncomingMessage): Promise<ApiError> {
  const text = (await body(response, ERROR_BYTES_MAX)).toString('utf8')
  const retryAfterMs = Number(response.headers['retry-after']) * 1000
  return new ApiError(
    status,
    messageOf(text) ?? `HTTP status ${status}`,
    retryAfterMs > 0 ? retryAfterMs : undefined,
  )
}

/** The API server explains itself with a Status object; a proxy before it may not. */
function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message.slice(0, 500) : undefined
  } catch {
    return undefined
  }
}
