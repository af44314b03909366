/** Traces as Jaeger's query API gives them, made easy to compare. */

import type { JaegerTag, JaegerTrace } from '../kit/jaeger_api.ts'

export type Attributes = Readonly<Record<string, string | number | boolean>>

export interface Span {
  readonly traceId: string
  readonly spanId: string
  /** Undefined for a root. */
  readonly parentId: string | undefined
  readonly service: string
  readonly name: string
  /** `client`, `server`, … */
  readonly kind: string
  readonly startUs: number
  readonly durationUs: number
  readonly attributes: Attributes
  /** Of the resource, without service.name. */
  readonly resource: Attributes
}

export function spansOf(trace: JaegerTrace): Span[] {
  return trace.spans.map((span) => {
    const attributes = byKey(span.tags)
    const process = trace.processes[span.processID]
    return {
      traceId: span.traceID,
      spanId: span.spanID,
      parentId: span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID,
      service: process?.serviceName ?? '',
      name: span.operationName,
      kind: String(attributes['span.kind'] ?? 'internal'),
      startUs: span.startTime,
      durationUs: span.duration,
      attributes,
      resource: byKey(process?.tags ?? []),
    }
  })
}

/** Spans that name a parent which the trace does not have. */
export function orphans(spans: readonly Span[]): Span[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  return spans.filter(({ parentId }) => parentId !== undefined && !ids.has(parentId))
}

/**
 * A trace as an indented text, one line a span: `frontend server GET /orders/7 200`. Children of
 * one span stand in the order of their start. A span whose parent is missing stands at the margin.
 */
export function drawn(spans: readonly Span[]): string {
  const missing = new Set(orphans(spans))
  const under = (parent: string | undefined, depth: number): string[] =>
    spans
      .filter((span) => (missing.has(span) ? undefined : span.parentId) === parent)
      .sort((a, b) => a.startUs - b.startUs)
      .flatMap((span) => ['  '.repeat(depth) + line(span), ...under(span.spanId, depth + 1)])
  return under(undefined, 0).join('\n')
}

function line({ service, kind, name, attributes }: Span): string {
  const path = attributes['url.path'] ?? pathOf(attributes['url.full'])
  if (path === undefined) return `${service} ${kind} ${name}`
  const method = attributes['http.request.method']
  return `${service} ${kind} ${method} ${path} ${attributes['http.response.status_code']}`
}

function pathOf(url: unknown): string | undefined {
  return typeof url === 'string' ? new URL(url).pathname : undefined
}

function byKey(tags: readonly JaegerTag[]): Attributes {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]))
}
