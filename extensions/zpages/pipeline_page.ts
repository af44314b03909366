/** The pipelines, for people: where data goes, where it waits, and where it is lost and why. */
import type { StatusEvent } from '../../pipeline/status.ts'
import { sum } from '../../pipeline/telemetry/books.ts'
import { type Html, html } from './html.ts'
import type { ComponentState, PipelineState, QueueFill } from './pipelines.ts'

export function pipelinePage(pipelines: readonly PipelineState[]): Html {
  return html`<h1>Pipelines</h1>${summary(pipelines)}${pipelines.map(pipelineSection)}`
}

/** Losses first: nobody is to look for them in a table. */
function summary(pipelines: readonly PipelineState[]): Html {
  // A component that several pipelines share is told once.
  const losers = new Map<string, ComponentState>()
  for (const { signal, id: pipeline, components } of pipelines) {
    for (const state of components) {
      const place = state.kind === 'processor' ? pipeline : signal
      if (sum(state.lost) > 0) losers.set(`${state.kind}/${state.id} (${place})`, state)
    }
  }
  if (losers.size === 0) return html`<p class="good">Nothing was lost.</p>`
  const lines = [...losers].map(
    ([name, { lost, rates }]) =>
      html`<li><b>${name}</b> lost ${reasons(lost)}${
        rates.lost > 0 ? html`, ${perSecond(rates.lost)} now` : html``
      }</li>`,
  )
  return html`<div class="bad"><b>Data was lost</b><ul>${lines}</ul></div>`
}

function pipelineSection({ id, components }: PipelineState): Html {
  const seconds = Math.round(components[0]?.rates.seconds ?? 0)
  return html`<h2>${id} <small>rates over the last ${seconds} s</small></h2>
<div class="scroll"><table class="cards"><thead><tr><th>component<th>status<th class="n">in
<th class="n">out<th class="n">used<th class="n">lost<th class="n">held<th class="n">queue</tr>
</thead><tbody>${components.map(row)}</tbody></table></div>`
}

function row(state: ComponentState): Html {
  const { kind, id, status, rates, used, lost, held, queue } = state
  const isLosing = sum(lost) > 0
  return html`<tr${isLosing ? html` class="loss"` : html``}>
<td class="wide"><span class="dim">${kind}</span> <b>${id}</b></td>
<td class="wide">${statusText(status)}</td>
${cell('in', state.in, rates.in)}${cell('out', state.out, rates.out)}
<td class="n" data-name="used">${withReasons(used)}${rateLine(rates.used)}</td>
<td class="n${isLosing ? html` bad` : html``}" data-name="lost">${withReasons(lost)}${rateLine(rates.lost)}</td>
<td class="n" data-name="held">${count(held)}</td>
<td class="n" data-name="queue">${queue === undefined ? html`–` : fill(queue)}</td></tr>`
}

export function statusText({ status, reason, at }: StatusEvent): Html {
  const classes: Readonly<Record<string, string>> = { ok: 'good', recoverable_error: 'warn' }
  const name = classes[status] ?? (status.endsWith('error') ? 'bad' : 'dim')
  const since = new Date(at).toISOString().replace('T', ' ').slice(0, 19)
  return html`<span class="${name}">${status.replace('_', ' ')}</span>
<small class="dim">since ${since}</small>${reason === undefined ? html`` : html`<br>${reason}`}`
}

function cell(name: string, value: number, rate: number): Html {
  return html`<td class="n" data-name="${name}">${count(value)}${rateLine(rate)}</td>`
}

function rateLine(rate: number): Html {
  return rate > 0 ? html`<small>${perSecond(rate)}</small>` : html``
}

function withReasons(counts: Readonly<Record<string, number>>): Html {
  const reasons = Object.entries(counts)
  if (reasons.length === 0) return html`0`
  return html`${reasons.map(
    ([reason, value]) => html`<div>${count(value)} <span class="dim">${reason}</span></div>`,
  )}`
}

function reasons(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([reason, value]) => `${count(value)} ${reason}`)
    .join(', ')
}

function fill({ size, capacity }: QueueFill): Html {
  const percent = capacity > 0 ? Math.min(Math.round((100 * size) / capacity), 100) : 0
  const isFull = percent >= 80 ? html` full` : html``
  return html`${count(size)} <span class="dim">of ${count(capacity)}</span>
<span class="bar${isFull}"><i style="width:${percent}%"></i></span>`
}

function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

function perSecond(rate: number): string {
  const digits = rate < 10 ? 1 : 0
  return `${rate.toLocaleString('en-US', { maximumFractionDigits: digits })}/s`
}
