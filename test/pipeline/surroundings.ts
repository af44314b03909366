/** What the service gives to a component, for tests that make one by hand. */
import assert from 'node:assert/strict'
import { createNoopMeter, trace } from '@opentelemetry/api'
import pino from 'pino'
import type { Extension, Host, Settings } from '../../pipeline/component.ts'
import { Ledger } from '../../pipeline/ledger.ts'
import { Listeners } from '../../pipeline/listeners.ts'
import type { Report } from '../../pipeline/status.ts'

/** Settings of a component; silent unless `over` has a logger. */
export function settingsOf(over: Partial<Settings> = {}): Settings {
  const logger = over.logger ?? pino({ level: 'silent' })
  return {
    id: 'test',
    logger,
    ledger: new Ledger(logger),
    version: '0',
    meter: createNoopMeter(),
    tracer: trace.getTracer('test'),
    ...over,
  }
}

export interface TestHost extends Host {
  /** Everything that was reported, in order. */
  readonly reports: Report[]
}

/** A host with these extensions, of a service that is ready; a fatal error fails the test. */
export function hostOf(extensions: Readonly<Record<string, Extension>> = {}): TestHost {
  const reports: Report[] = []
  const listeners = new Listeners()
  let generation = 0
  return {
    reports,
    extension: (id) => extensions[id],
    fatal: (error) => assert.fail(error),
    finished: () => {},
    report: (report) => void reports.push(report),
    listen: (endpoint, onConnection) =>
      listeners.listen(endpoint, onConnection, { owner: 'test', generation: generation++ }),
    service: {
      version: '0',
      startedAt: 0,
      state: 'ready',
      components: () => [],
      pipelines: () => [],
      measured: async () => [],
      spans: () => undefined,
      reload: async () => ({ ok: false, reason: 'not in this test' }),
    },
  }
}
