/** What of `service::telemetry` a reload can change: levels of log and metrics, and addresses. */
import { isDeepStrictEqual } from 'node:util'
import type { Path, Problem } from '../config/problems.ts'
import { periodicReaders } from './metrics_options.ts'
import type { TelemetryOptions } from './options.ts'

const SECTION = ['service', 'telemetry'] as const
const FIXED = 'cannot be changed by a reload: restart flowspan'
const OFF = 'cannot be switched on by a reload, as nothing measures: restart flowspan'

/** @param running.isMeasuring whether there are instruments, as the start had a level for them */
export function reloadProblems(
  running: { options: TelemetryOptions; isMeasuring: boolean },
  wanted: TelemetryOptions,
): Problem[] {
  const { options, isMeasuring } = running
  const problems: Problem[] = []
  const fixed = (path: Path, from: unknown, to: unknown) => {
    if (isDeepStrictEqual(from, to)) return
    problems.push({ path: [...SECTION, ...path], message: FIXED })
  }
  for (const key of Object.keys(options.logs) as (keyof TelemetryOptions['logs'])[]) {
    if (key !== 'level') fixed(['logs', key], options.logs[key], wanted.logs[key])
  }
  fixed(['traces'], options.traces, wanted.traces)
  fixed(['resource'], options.resource, wanted.resource)
  fixed(['metrics', 'views'], options.metrics.views, wanted.metrics.views)
  // Readers that send are built with the instruments.
  fixed(['metrics', 'readers'], periodicReaders(options.metrics), periodicReaders(wanted.metrics))
  if (!isMeasuring && wanted.metrics.level !== 'none') {
    problems.push({ path: [...SECTION, 'metrics', 'level'], message: OFF })
  }
  return problems
}
