/** What of `service::telemetry` a reload can change: levels of log and metrics, and addresses. */
import { isDeepStrictEqual } from 'node:util'
import type { Path, Problem } from '../config/problems.ts'
import { periodicReaders } from './metrics_options.ts'
import type { TelemetryOptions } from './options.ts'

const SECTION = ['service', 'telemetry'] as const
const FIXED = 'cannot be changed by a reload: restart flowspan'
const OFF = 'cannot be switched on by a reload, as nothing measures: restart flowspan'

export function reloadProblems(running: TelemetryOptions, wanted: TelemetryOptions): Problem[] {
  const problems: Problem[] = []
  const fixed = (path: Path, from: unknown, to: unknown) => {
    if (isDeepStrictEqual(from, to)) return
    problems.push({ path: [...SECTION, ...path], message: FIXED })
  }
  for (const key of Object.keys(running.logs) as (keyof TelemetryOptions['logs'])[]) {
    if (key !== 'level') fixed(['logs', key], running.logs[key], wanted.logs[key])
  }
  fixed(['traces'], running.traces, wanted.traces)
  fixed(['resource'], running.resource, wanted.resource)
  fixed(['metrics', 'views'], running.metrics.views, wanted.metrics.views)
  // Readers that send are built with the instruments.
  fixed(['metrics', 'readers'], periodicReaders(running.metrics), periodicReaders(wanted.metrics))
  if (running.metrics.level === 'none' && wanted.metrics.level !== 'none') {
    problems.push({ path: [...SECTION, 'metrics', 'level'], message: OFF })
  }
  return problems
}
