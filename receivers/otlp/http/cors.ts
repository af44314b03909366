/**
 * Cross-origin requests, for browsers that send their telemetry themselves (Fetch standard, "HTTP
 * CORS protocol"). Credentials are allowed, as in the Collector.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { CorsConfig } from '../config.ts'

const METHODS = ['GET', 'POST', 'HEAD']
/** A browser may send the first four whatever is configured, the fifth when nothing is. */
const ALWAYS_ALLOWED = ['accept', 'accept-language', 'content-type', 'content-language', 'origin']
const ALLOWED_BY_DEFAULT = ['x-requested-with']

export class Cors {
  readonly #origins: readonly RegExp[]
  readonly #anyOrigin: boolean
  readonly #headers: ReadonlySet<string>
  readonly #config: CorsConfig

  constructor(config: CorsConfig) {
    this.#config = config
    this.#anyOrigin = config.allowed_origins.includes('*')
    this.#origins = config.allowed_origins.map(patternOf)
    const listed = config.allowed_headers.map((name) => name.toLowerCase())
    const named = listed.length === 0 ? ALLOWED_BY_DEFAULT : listed
    this.#headers = new Set([...ALWAYS_ALLOWED, ...named])
  }

  /** What an answer to a request from another origin needs; nothing for other requests. */
  headers(request: IncomingHttpHeaders): OutgoingHttpHeaders {
    const { origin } = request
    if (origin === undefined || !this.#allows(origin)) return { vary: 'Origin' }
    const { exposed_headers: exposed } = this.#config
    return {
      vary: 'Origin',
      'access-control-allow-origin': this.#anyOrigin ? '*' : origin,
      'access-control-allow-credentials': 'true',
      ...(exposed.length > 0 && { 'access-control-expose-headers': exposed.join(', ') }),
    }
  }

  /** The answer to a browser that asks whether it may; it may not when nothing says so. */
  preflight(request: IncomingHttpHeaders): OutgoingHttpHeaders {
    const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'
    const origin = request.origin ?? ''
    const method = request['access-control-request-method'] ?? ''
    const wanted = request['access-control-request-headers'] ?? ''
    const names = wanted.split(',').map((name) => name.trim().toLowerCase())
    const allHeaders = this.#headers.has('*')
    const mayHeaders = allHeaders || names.every((name) => name === '' || this.#headers.has(name))
    if (!this.#allows(origin) || !METHODS.includes(method) || !mayHeaders) return { vary }
    const { max_age: maxAge } = this.#config
    return {
      ...this.headers(request),
      vary,
      'access-control-allow-methods': method,
      ...(wanted !== '' && { 'access-control-allow-headers': wanted }),
      ...(maxAge > 0 && { 'access-control-max-age': String(maxAge) }),
    }
  }

  #allows(origin: string): boolean {
    return origin !== '' && this.#origins.some((pattern) => pattern.test(origin))
  }
}

export function isPreflight(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** An origin in which `*` stands for any text. */
function patternOf(origin: string): RegExp {
  const parts = origin.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'i')
}
