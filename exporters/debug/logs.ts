/** A batch of log records as text. */
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { LogsView, type RecordView } from '../../pipeline/otlp/logs_view.ts'
import { rfc3339 } from '../../pipeline/u64.ts'
import { attributeLines, attributesText, clean, counted, typeText, valueText } from './text.ts'

export function logsBasic(batch: OtlpBatch): string {
  const view = new LogsView(batch.bytes)
  let resources = 0
  while (view.nextResource()) resources++
  return `logs: ${counted(resources, 'resource')}, ${counted(batch.items, 'log record')}`
}

export function logsNormal(view: LogsView): string {
  const lines: string[] = []
  while (view.nextResource()) {
    lines.push(`ResourceLog ${attributesText(view.resource.attributes)}`)
    while (view.nextScope()) {
      lines.push(`ScopeLog ${clean(view.scope.name)} ${clean(view.scope.version)}`.trimEnd())
      while (view.nextRecord()) {
        const { record } = view
        const body = valueText(record.body)
        lines.push(`${body} ${attributesText(record.attributes)}`.trim())
      }
    }
  }
  return lines.join('\n')
}

export function logsDetailed(view: LogsView): string {
  const lines: string[] = []
  for (let r = 0; view.nextResource(); r++) {
    lines.push(`ResourceLog #${r}`)
    lines.push(...attributeLines(view.resource.attributes, 'Resource attributes:'))
    for (let s = 0; view.nextScope(); s++) {
      lines.push(`ScopeLogs #${s}`)
      lines.push(`InstrumentationScope ${clean(view.scope.name)} ${clean(view.scope.version)}`)
      for (let i = 0; view.nextRecord(); i++) {
        lines.push(`LogRecord #${i}`, ...recordLines(view.record))
      }
    }
  }
  return lines.join('\n')
}

function recordLines(record: RecordView): string[] {
  const { body } = record
  return [
    `ObservedTimestamp: ${rfc3339(record.observedTimeLo, record.observedTimeHi)}`,
    `Timestamp: ${rfc3339(record.timeLo, record.timeHi)}`,
    `SeverityText: ${clean(record.severityText)}`,
    `SeverityNumber: ${record.severityNumber}`,
    `EventName: ${clean(record.eventName)}`,
    `Body: ${typeText(body)}(${valueText(body)})`,
    ...attributeLines(record.attributes, 'Attributes:'),
    `Trace ID: ${record.traceId}`,
    `Span ID: ${record.spanId}`,
  ]
}
