/** Health as JSON: in the words of the Collector's health_check, or of its second version. */
import type { Page } from '../../pipeline/page_server.ts'
import type { StatusEvent } from '../../pipeline/status.ts'
import type { HealthCheckConfig } from './config.ts'
import type { Health, NamedHealth } from './health.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** `StatusRecoverableError` */
function statusName({ status }: StatusEvent): string {
  const words = status.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return `Status${status === 'ok' ? 'OK' : words.join('')}`
}

function fields({ healthy, event }: Health) {
  return {
    healthy,
    status: statusName(event),
    ...(event.reason !== undefined && { error: event.reason }),
    status_time: new Date(event.at).toISOString(),
  }
}

/** The first version: one line of what it is, and the reason where it is not well. */
export function shortPage(
  health: Health,
  { startedAt, body }: { startedAt: number; body: HealthCheckConfig['response_body'] },
): Page {
  const { healthy, code: status, event } = health
  if (body !== undefined) {
    const text = healthy ? body.healthy : body.unhealthy
    return { status, type: 'text/plain; charset=utf-8', body: text }
  }
  const upMs = Date.now() - startedAt
  const answer = {
    status: healthy ? 'Server available' : 'Server not available',
    ...(healthy
      ? { upSince: new Date(startedAt).toISOString(), uptime: `${(upMs / 1000).toFixed(3)}s` }
      : { reason: event.reason ?? statusName(event) }),
  }
  return { status, type: JSON_TYPE, body: `${JSON.stringify(answer)}\n` }
}

/** The second: with `verbose` every component. */
export function statusPage(
  health: Health,
  of: { startedAt: number; parts: readonly NamedHealth[]; verbose: boolean },
): Page {
  const components = Object.fromEntries(
    of.parts.map((part) => [part.name, { ...fields(part), components: members(part) }]),
  )
  const answer = {
    start_time: new Date(of.startedAt).toISOString(),
    ...fields(health),
    ...(of.verbose && { components }),
  }
  return { status: health.code, type: JSON_TYPE, body: `${JSON.stringify(answer)}\n` }
}

/** One pipeline, whose components stand at the top. */
export function pipelinePage(part: NamedHealth, verbose: boolean): Page {
  const answer = { ...fields(part), ...(verbose && { components: members(part) }) }
  return { status: part.code, type: JSON_TYPE, body: `${JSON.stringify(answer)}\n` }
}

function members({ components }: NamedHealth) {
  return Object.fromEntries(components.map((one) => [one.name, fields(one)]))
}
