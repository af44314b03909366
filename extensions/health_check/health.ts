/**
 * The health of the service, or of one pipeline, out of the status of its components. Names, the
 * order of what outweighs what and HTTP codes are those of the Collector's health check.
 */
import { membersOf } from '../../pipeline/pipeline_members.ts'
import type { ComponentView, ServiceView } from '../../pipeline/service_view.ts'
import type { Status, StatusEvent } from '../../pipeline/status.ts'
import type { HealthCheckConfig } from './config.ts'

export type Rules = HealthCheckConfig['component_health']

export interface Health {
  readonly healthy: boolean
  /** HTTP's. */
  readonly code: 200 | 500 | 503
  readonly event: StatusEvent
}

export interface NamedHealth extends Health {
  readonly name: string
  readonly components: readonly (Health & { readonly name: string })[]
}

/** What outweighs what comes before it: a service is as well as its worst component. */
const WEIGHT: readonly Status[] = [
  'none',
  'ok',
  'recoverable_error',
  'permanent_error',
  'stopped',
  'stopping',
  'starting',
  'fatal_error',
]

export function healthOf(event: StatusEvent, rules: Rules, now = Date.now()): Health {
  const { include_permanent_errors, include_recoverable_errors, recovery_duration } = rules
  const isLong = now - event.at >= recovery_duration
  const sick =
    event.status === 'fatal_error' ||
    (event.status === 'permanent_error' && include_permanent_errors) ||
    (event.status === 'recoverable_error' && include_recoverable_errors && isLong)
  if (sick) return { healthy: false, code: 500, event }
  const works = ['ok', 'recoverable_error', 'permanent_error'].includes(event.status)
  return works ? { healthy: true, code: 200, event } : { healthy: false, code: 503, event }
}

/** Each pipeline, and the extensions as one more, with their components. */
export function parts(service: ServiceView, rules: Rules): NamedHealth[] {
  const extensions = service.components().filter(({ kind }) => kind === 'extension')
  const groups = service
    .pipelines()
    .map((pipeline) => [`pipeline:${pipeline.id}`, membersOf(service, pipeline)] as const)
  return [...groups, ['extensions', extensions] as const]
    .filter(([, members]) => members.length > 0)
    .map(([name, members]) => group(name, members, rules))
}

function group(name: string, members: readonly ComponentView[], rules: Rules): NamedHealth {
  const components = members.map((view) => ({
    name: `${view.kind}:${view.id}`,
    ...healthOf(view.status(), rules),
  }))
  return { ...worst(components), name, components }
}

/** The service as a whole: while it starts or stops that is all that counts. */
export function overall(service: ServiceView, all: readonly NamedHealth[]): Health {
  const { state, startedAt } = service
  if (state !== 'ready') {
    return { healthy: false, code: 503, event: { status: state, at: startedAt } }
  }
  return worst(all)
}

/** Whether a component cannot go on, so that the process is about to end. */
export function isFatal(all: readonly NamedHealth[]): boolean {
  return all.some((part) => part.components.some(({ event }) => event.status === 'fatal_error'))
}

/** One that is unhealthy outweighs all that are not, whatever their status. */
function worst(all: readonly Health[]): Health {
  const weight = ({ healthy, event }: Health) =>
    (healthy ? 0 : WEIGHT.length) + WEIGHT.indexOf(event.status)
  const none: Health = { healthy: true, code: 200, event: { status: 'none', at: 0 } }
  return all.reduce((one, other) => (weight(other) > weight(one) ? other : one), none)
}
