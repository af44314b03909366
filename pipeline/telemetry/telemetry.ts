/**
 * What the service tells of itself: one provider of instruments, its readers, its tracer.
 *
 *     components ─ instruments ─▶ MeterProvider ─┬─ pull reader ──▶ Prometheus, zpages
 *     their books ─ LedgerMetrics ─▶             └─ periodic ─────▶ OTLP
 *     components ─ spans ─▶ NodeSDK ─────────────┬─ OTLP
 *                                                └─ RecentSpans ──▶ zpages
 */
import { randomUUID } from 'node:crypto'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import type { Host } from '../component.ts'
import { ConfigError, type Locate } from '../config/problems.ts'
import type { Account } from '../graph/accounts.ts'
import type { Logs } from '../logging.ts'
import { type Instruments, NO_INSTRUMENTS } from './instruments.ts'
import { Metrics } from './metrics.ts'
import { periodicReaders } from './metrics_options.ts'
import type { TelemetryOptions } from './options.ts'
import { type RecentSpan, RecentSpans } from './recent_spans.ts'
import { reloadProblems } from './reload.ts'
import type { Tracing } from './sdk.ts'
import { isTracing } from './traces_options.ts'

/** How long a shutdown may wait for whoever takes flowspan's own telemetry. */
const SHUTDOWN_MS = 3000

interface Surroundings {
  readonly version: string
  readonly logger: Logger
  /** Where the log's level can be changed and what sampling left out is counted. */
  readonly logs?: Logs
}

export class Telemetry {
  readonly instruments: Instruments
  readonly #logs: Logs | undefined
  readonly #metrics: Metrics | undefined
  readonly #tracing: Tracing | undefined
  readonly #recent: RecentSpans
  #options: TelemetryOptions
  #ended: Promise<void> | undefined

  private constructor(parts: {
    options: TelemetryOptions
    logs: Logs | undefined
    metrics: Metrics | undefined
    tracing: Tracing | undefined
    recent: RecentSpans
  }) {
    this.#options = parts.options
    this.#logs = parts.logs
    this.#metrics = parts.metrics
    this.#tracing = parts.tracing
    this.#recent = parts.recent
    this.instruments = {
      meter: parts.metrics?.meter ?? NO_INSTRUMENTS.meter,
      tracer: parts.tracing?.tracer ?? NO_INSTRUMENTS.tracer,
    }
  }

  /**
   * Before the process gives up its privileges, as it may load modules and read certificates.
   * Throws when an option cannot be used.
   */
  static async create(options: TelemetryOptions, of: Surroundings): Promise<Telemetry> {
    const { version, logger, logs } = of
    const resource = resourceAttributes(options.resource, version)
    const recent = new RecentSpans()
    const periodic = options.metrics.level === 'none' ? [] : periodicReaders(options.metrics)
    const sends = periodic.length > 0 || isTracing(options.traces)
    const sdk = sends ? await import('./sdk.ts') : undefined
    sdk?.logDiagnostics(logger)
    const metrics =
      options.metrics.level === 'none'
        ? undefined
        : new Metrics(options.metrics, { resource, version, logger, logs, sdk, periodic })
    const tracing = isTracing(options.traces)
      ? sdk?.startTracing(options.traces, { resource, version, recent })
      : undefined
    return new Telemetry({ options, logs, metrics, tracing, recent })
  }

  /** The books that are shown, those of components that a reload took out among them. */
  follow(accounts: () => readonly Account[]): void {
    this.#metrics?.follow(accounts)
  }

  /** Serves the metrics. An address that is taken is a warning: the pipelines matter more. */
  async start(host: Pick<Host, 'listen' | 'service'>): Promise<void> {
    await this.#metrics?.start(host)
  }

  /** The present values of all metrics, at the present level; undefined when none are kept. */
  async collect(): Promise<ResourceMetrics | undefined> {
    return await this.#metrics?.collect()
  }

  /** The last of flowspan's own spans, the newest first; undefined when it makes none. */
  spans(): readonly RecentSpan[] | undefined {
    return this.#tracing === undefined ? undefined : this.#recent.spans()
  }

  /**
   * What a reload changes of it, to be called when the reload is certain: it does not fail. Throws
   * a ConfigError when it would change what cannot change while the service runs.
   */
  reconfigure(wanted: TelemetryOptions, locate?: Locate): () => Promise<void> {
    const problems = reloadProblems(
      { options: this.#options, isMeasuring: this.#metrics !== undefined },
      wanted,
    )
    if (problems.length > 0) throw new ConfigError(problems, locate)
    return async () => {
      this.#options = wanted
      this.#logs?.setLevel(wanted.logs.level)
      await this.#metrics?.reconfigure(wanted.metrics)
    }
  }

  /**
   * Sends what is left, until the deadline and never for long: nobody is to wait for figures about
   * a service that has ended. After the components, whose last counts and spans it has to take.
   * Safe twice.
   */
  shutdown(deadline: AbortSignal): Promise<void> {
    this.#ended ??= this.#end(deadline)
    return this.#ended
  }

  async #end(deadline: AbortSignal): Promise<void> {
    const ended = Promise.all([this.#metrics?.shutdown(), this.#tracing?.shutdown()])
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, deadline.aborted ? 0 : SHUTDOWN_MS)
    deadline.addEventListener('abort', () => resolve(), { once: true })
    await Promise.race([late, ended])
    clearTimeout(timer)
  }
}

/** The Collector's three, unless the user sets them, or null to be without. */
export function resourceAttributes(
  wanted: TelemetryOptions['resource'],
  version: string,
): Readonly<Record<string, string>> {
  const all: TelemetryOptions['resource'] = {
    'service.name': 'flowspan',
    'service.version': version,
    'service.instance.id': randomUUID(),
    ...wanted,
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])),
  )
}
