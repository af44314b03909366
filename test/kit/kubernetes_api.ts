/** A small client of the Kubernetes API: one request, one parsed answer. */
import { Agent, request as httpsRequest } from 'node:https'

export interface ApiOptions {
  readonly url: string
  /** Certificate authority, PEM. */
  readonly ca: string
  /** Bearer token of requests that name none. */
  readonly token: string
}

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown
  readonly token?: string
  /** Default application/json; a PATCH says here which kind of patch it is. */
  readonly contentType?: string
}

/** A refusal by the API server. */
export class KubernetesError extends Error {
  readonly status: number
  /** As in the Status object: `Forbidden`, `NotFound`, `AlreadyExists`, `Conflict`, … */
  readonly reason: string

  constructor(what: string, answer: Answer) {
    super(`${what}: ${answer.status} ${answer.text}`)
    this.status = answer.status
    this.reason = /"reason":\s*"(\w+)"/.exec(answer.text)?.[1] ?? ''
  }
}

interface Answer {
  readonly status: number
  readonly text: string
}

export class KubernetesApi {
  readonly #options: ApiOptions
  readonly #agent: Agent

  constructor(options: ApiOptions) {
    this.#options = options
    this.#agent = new Agent({ ca: options.ca, keepAlive: true })
  }

  /**
   * Asks for a path such as `/api/v1/pods?limit=1`.
   * Gives the parsed answer, or its text when it is not JSON; throws KubernetesError if not 2xx.
   */
  async request<T = unknown>(
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<T> {
    const answer = await this.#send(method, path, options)
    if (answer.status >= 300) throw new KubernetesError(`${method} ${path}`, answer)
    return answer.text.startsWith('{') ? JSON.parse(answer.text) : (answer.text as T)
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy()
  }

  #send(method: string, path: string, options: RequestOptions): Promise<Answer> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      authorization: `Bearer ${options.token ?? this.#options.token}`,
    }
    const body = options.body === undefined ? '' : JSON.stringify(options.body)
    if (body !== '') headers['content-type'] = options.contentType ?? 'application/json'
    // Node would send the body of a DELETE without saying that there is one.
    headers['content-length'] = String(Buffer.byteLength(body))
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.#options.url)
      const request = httpsRequest(url, { method, headers, agent: this.#agent }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      request.on('error', reject)
      request.end(body)
    })
  }
}
