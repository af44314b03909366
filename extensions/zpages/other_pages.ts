/** The service, its extensions, and its own last spans. */
import type { ServiceView } from '../../pipeline/service_view.ts'
import type { RecentSpan } from '../../pipeline/telemetry/recent_spans.ts'
import { type Html, html } from './html.ts'
import { statusText } from './pipeline_page.ts'

const MIB = 1024 * 1024
/** The SDK keeps more; a page is for reading. */
const SPANS_SHOWN = 100

export interface ServiceState {
  readonly version: string
  readonly state: ServiceView['state']
  readonly startedAt: string
  readonly uptimeSeconds: number
  readonly node: string
  readonly rssMib: number
  readonly pipelines: readonly object[]
}

export function serviceState(service: ServiceView): ServiceState {
  return {
    version: service.version,
    state: service.state,
    startedAt: new Date(service.startedAt).toISOString(),
    uptimeSeconds: Math.round((Date.now() - service.startedAt) / 1000),
    node: process.version,
    rssMib: Math.round(process.memoryUsage.rss() / MIB),
    pipelines: service.pipelines(),
  }
}

export function servicePage(service: ServiceView): Html {
  const state = serviceState(service)
  const facts = [
    ['version', state.version],
    ['state', state.state],
    ['started', state.startedAt],
    ['uptime', `${state.uptimeSeconds} s`],
    ['Node', state.node],
    ['memory', `${state.rssMib} MiB resident`],
  ] as const
  const rows = facts.map(([name, value]) => html`<tr><th>${name}<td>${value}</tr>`)
  const pipelines = service.pipelines().map(
    ({ id, receivers, processors, exporters }) =>
      html`<tr><td><b>${id}</b><td>${receivers.join(', ')}<td>${processors.join(' → ')}
<td>${exporters.join(', ')}</tr>`,
  )
  return html`<h1>flowspan</h1><table>${rows}</table><h2>Pipelines</h2>
<div class="scroll"><table><thead><tr><th>pipeline<th>receivers<th>processors<th>exporters</tr>
</thead><tbody>${pipelines}</tbody></table></div>`
}

export function extensionStates(service: ServiceView) {
  return service
    .components()
    .filter(({ kind }) => kind === 'extension')
    .map((view) => ({ id: view.id, status: view.status() }))
}

export function extensionPage(service: ServiceView): Html {
  const rows = extensionStates(service).map(
    ({ id, status }) => html`<tr><td><b>${id}</b><td>${statusText(status)}</tr>`,
  )
  return html`<h1>Extensions</h1><table>${rows}</table>`
}

export function tracePage(spans: readonly RecentSpan[] | undefined): Html {
  if (spans === undefined) {
    return html`<h1>Traces of flowspan itself</h1><p>It makes none: see
<code>service::telemetry::traces</code>.</p>`
  }
  const rows = spans.slice(0, SPANS_SHOWN).map(spanRow)
  return html`<h1>Traces of flowspan itself <small>the last ${rows.length} spans</small></h1>
<div class="scroll"><table><thead><tr><th>start<th>span<th class="n">ms<th>error<th>attributes
<th>trace</tr></thead><tbody>${rows}</tbody></table></div>`
}

function spanRow(span: RecentSpan): Html {
  const attributes = Object.entries(span.attributes)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ')
  return html`<tr${span.error === undefined ? html`` : html` class="loss"`}>
<td>${new Date(span.startMs).toISOString().slice(11, 23)}<td>${span.name}
<td class="n">${span.durationMs.toFixed(2)}<td class="bad">${span.error ?? ''}
<td><code>${attributes}</code><td><code>${span.traceId}</code></tr>`
}
