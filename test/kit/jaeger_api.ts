/** Jaeger's query API: traces as it gives them, read by tests. */

export interface JaegerTag {
  readonly key: string
  readonly type?: 'string' | 'bool' | 'int64' | 'float64' | 'binary'
  readonly value: string | number | boolean
}

export interface JaegerSpan {
  readonly traceID: string
  readonly spanID: string
  readonly operationName: string
  /** The parent first (`CHILD_OF`), then the links (`FOLLOWS_FROM`). */
  readonly references: readonly { refType: string; traceID: string; spanID: string }[]
  /** Microseconds since the epoch. */
  readonly startTime: number
  /** Microseconds. */
  readonly duration: number
  /** Attributes, and `span.kind`, `otel.scope.name`, `otel.status_code`, `error`. */
  readonly tags: readonly JaegerTag[]
  readonly processID: string
}

/** One trace of `/api/traces`. */
export interface JaegerTrace {
  readonly traceID: string
  readonly spans: readonly JaegerSpan[]
  /** Resources, by the spans' `processID`. */
  readonly processes: Readonly<
    Record<string, { readonly serviceName: string; readonly tags?: readonly JaegerTag[] }>
  >
}

const TRACES_MAX = 1_000

export class JaegerApi {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Names of the services that have sent spans. */
  async services(): Promise<readonly string[]> {
    return (await this.#get<string[] | null>('/api/services')) ?? []
  }

  /** The traces with a span of the service that began since then, at most 1,000 by default. */
  async traces(
    service: string,
    { sinceMs = 0, limit = TRACES_MAX }: { sinceMs?: number; limit?: number } = {},
  ): Promise<readonly JaegerTrace[]> {
    const end = (Date.now() + 86_400_000) * 1_000
    const query = new URLSearchParams({
      service,
      start: String(sinceMs * 1_000),
      end: String(end),
      limit: String(limit),
      raw: 'true',
    })
    return (await this.#get<JaegerTrace[] | null>(`/api/traces?${query}`)) ?? []
  }

  /** A trace by its hexadecimal id, or undefined when no span of it has come. */
  async trace(id: string): Promise<JaegerTrace | undefined> {
    const traces = await this.#get<JaegerTrace[] | null>(`/api/traces/${id}?raw=true`)
    return traces?.[0]
  }

  /**
   * The same trace in OTLP JSON, with what the other form drops: nanoseconds, scopes, statuses.
   */
  async otlpTrace(id: string): Promise<OtlpTrace | undefined> {
    const path = `/api/v3/traces/${id}?raw_traces=true`
    return (await this.#json<{ result: OtlpTrace }>(path))?.result
  }

  async #get<T>(path: string): Promise<T | undefined> {
    return (await this.#json<{ data: T }>(path))?.data
  }

  /** Undefined for 404, which Jaeger answers for a trace it does not know. */
  async #json<T>(path: string): Promise<T | undefined> {
    const response = await fetch(new URL(path, this.#url))
    const text = await response.text()
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`Jaeger answers ${path} with ${response.status}: ${text}`)
    return JSON.parse(text) as T
  }
}

export interface OtlpTrace {
  readonly resourceSpans: readonly {
    readonly resource: OtlpAttributes
    readonly scopeSpans: readonly {
      readonly scope?: OtlpAttributes & { readonly name?: string; readonly version?: string }
      readonly spans: readonly OtlpSpan[]
    }[]
  }[]
}

export interface OtlpAttributes {
  readonly attributes?: readonly { readonly key: string; readonly value: OtlpValue }[]
}

/** One key, such as `stringValue`; `intValue` is a decimal string. */
export type OtlpValue = Readonly<Record<string, unknown>>

export interface OtlpSpan extends OtlpAttributes {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind?: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status?: { readonly code?: number; readonly message?: string }
  readonly events?: readonly (OtlpAttributes & { readonly name?: string })[]
  readonly links?: readonly (OtlpAttributes & {
    readonly traceId: string
    readonly spanId: string
  })[]
}
