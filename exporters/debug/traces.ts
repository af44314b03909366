/** A batch of spans as text: a line of counts, a line a span, or all there is. */
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { type SpanView, TracesView } from '../../pipeline/otlp/traces_view.ts'
import { rfc3339 } from '../../pipeline/u64.ts'
import { attributeLines, attributesText, clean, counted, durationText } from './text.ts'

export const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const STATUS = ['Unset', 'Ok', 'Error']

export function tracesBasic(batch: OtlpBatch): string {
  const view = new TracesView(batch.bytes)
  let resources = 0
  while (view.nextResource()) resources++
  return `traces: ${counted(resources, 'resource')}, ${counted(batch.items, 'span')}`
}

export function tracesNormal(view: TracesView): string {
  const lines: string[] = []
  while (view.nextResource()) {
    lines.push(`ResourceSpans ${attributesText(view.resource.attributes)}`)
    while (view.nextScope()) {
      lines.push(`ScopeSpans ${clean(view.scope.name)} ${clean(view.scope.version)}`.trimEnd())
      while (view.nextSpan()) {
        const { span } = view
        const ids = `${span.traceId} ${span.spanId}`
        const head = `${clean(span.name)} ${kindText(span.kind)} ${durationText(span.durationNs)}`
        lines.push(`${head} ${ids} ${attributesText(span.attributes)}`.trimEnd())
      }
    }
  }
  return lines.join('\n')
}

export function tracesDetailed(view: TracesView): string {
  const lines: string[] = []
  for (let r = 0; view.nextResource(); r++) {
    lines.push(`ResourceSpans #${r}`)
    lines.push(...attributeLines(view.resource.attributes, 'Resource attributes:'))
    for (let s = 0; view.nextScope(); s++) {
      lines.push(`ScopeSpans #${s}`)
      lines.push(`InstrumentationScope ${clean(view.scope.name)} ${clean(view.scope.version)}`)
      lines.push(...attributeLines(view.scope.attributes, 'InstrumentationScope attributes:'))
      for (let i = 0; view.nextSpan(); i++) lines.push(`Span #${i}`, ...spanLines(view.span))
    }
  }
  return lines.join('\n')
}

function spanLines(span: SpanView): string[] {
  const lines = [
    `    Trace ID       : ${span.traceId}`,
    `    Parent ID      : ${span.parentSpanId}`,
    `    ID             : ${span.spanId}`,
    `    Name           : ${clean(span.name)}`,
    `    Kind           : ${kindText(span.kind)}`,
    `    Trace state    : ${clean(span.traceState)}`,
    `    Flags          : 0x${span.flags.toString(16)}`,
    `    Start time     : ${rfc3339(span.startLo, span.startHi)}`,
    `    End time       : ${rfc3339(span.endLo, span.endHi)}`,
    `    Duration       : ${durationText(span.durationNs)}`,
    `    Status code    : ${STATUS[span.statusCode] ?? span.statusCode}`,
    `    Status message : ${clean(span.statusMessage)}`,
    ...attributeLines(span.attributes, 'Attributes:'),
  ]
  for (let i = 0; span.events.next(); i++) {
    const { name, timeLo, timeHi, attributes } = span.events
    lines.push(`SpanEvent #${i}`, `     -> Name: ${clean(name)}`)
    lines.push(`     -> Timestamp: ${rfc3339(timeLo, timeHi)}`)
    lines.push(...attributeLines(attributes, '     -> Attributes:'))
  }
  for (let i = 0; span.links.next(); i++) {
    const { traceId, spanId, attributes } = span.links
    lines.push(`SpanLink #${i}`, `     -> Trace ID: ${traceId}`, `     -> ID: ${spanId}`)
    lines.push(...attributeLines(attributes, '     -> Attributes:'))
  }
  return lines
}

export function kindText(kind: number): string {
  return KINDS[kind] ?? `KIND ${kind}`
}
