/** The metrics of a service: instruments, what is derived from the books, and their readers. */
import type { Meter } from '@opentelemetry/api'
import { MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import type { Host } from '../component.ts'
import type { Account } from '../graph/accounts.ts'
import type { Logs } from '../logging.ts'
import { type Page, PageServer, type Route } from '../page_server.ts'
import { answerReload, RELOAD_PATH } from '../reload/route.ts'
import { CONTENT_TYPE, exposition } from './exposition.ts'
import { measureLedgers } from './ledger_metrics.ts'
import { atLevel } from './levels.ts'
import {
  addressOf,
  type MetricsOptions,
  type PeriodicOptions,
  type PrometheusOptions,
  pullReaders,
} from './metrics_options.ts'
import { measureProcess } from './process_metrics.ts'
import type * as Sdk from './sdk.ts'
import { viewOf } from './views.ts'

const SCOPE = 'flowspan'
const CHANGE = 'set service::telemetry::metrics::address to a free port, or level: none beside it'
/** Series of one instrument: a configuration of this many components is none. */
const SERIES_MAX = 20_000

interface Surroundings {
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
  readonly logger: Logger
  readonly logs: Logs | undefined
  /** Loaded when there is something to send. */
  readonly sdk: typeof Sdk | undefined
  readonly periodic: readonly PeriodicOptions[]
}

/** Collects when somebody asks: for Prometheus, and for pages. */
class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

interface Endpoint {
  readonly options: PrometheusOptions
  readonly server: PageServer
}

export class Metrics {
  readonly meter: Meter
  readonly #resource: Readonly<Record<string, string>>
  readonly #logger: Logger
  readonly #provider: MeterProvider
  readonly #reader = new PullReader({ cardinalitySelector: () => SERIES_MAX })
  #accounts: () => readonly Account[] = () => []
  #options: MetricsOptions
  #host: Pick<Host, 'listen' | 'service'> | undefined
  #endpoints: readonly Endpoint[] = []

  constructor(options: MetricsOptions, of: Surroundings) {
    this.#options = options
    this.#resource = of.resource
    this.#logger = of.logger
    const select = (metrics: ResourceMetrics) => atLevel(metrics, this.#options.level)
    this.#provider = new MeterProvider({
      ...(of.sdk && { resource: of.sdk.resourceOf(of.resource) }),
      views: options.views.map(viewOf),
      readers: [
        this.#reader,
        ...of.periodic.flatMap((reader) => of.sdk?.periodicReader(reader, select) ?? []),
      ],
    })
    this.meter = this.#provider.getMeter(SCOPE, of.version)
    measureLedgers(this.meter, {
      accounts: () => this.#accounts(),
      isDetailed: () => this.#options.level === 'detailed',
    })
    measureProcess(this.meter)
    if (of.logs !== undefined) measureLogs(this.meter, of.logs)
  }

  follow(accounts: () => readonly Account[]): void {
    this.#accounts = accounts
  }

  async start(host: Pick<Host, 'listen' | 'service'>): Promise<void> {
    this.#host = host
    this.#endpoints = await this.#open(pullReaders(this.#options))
  }

  /** Level and addresses; an address that stays keeps its connections. */
  async reconfigure(options: MetricsOptions): Promise<void> {
    this.#options = options
    const wanted = options.level === 'none' ? [] : pullReaders(options)
    const isWanted = (endpoint: Endpoint) => wanted.some((reader) => isSame(reader, endpoint))
    const kept = this.#endpoints.filter(isWanted)
    await Promise.all(this.#endpoints.filter((e) => !isWanted(e)).map((e) => e.server.shutdown()))
    const fresh = wanted.filter((reader) => !kept.some((endpoint) => isSame(reader, endpoint)))
    this.#endpoints = [...kept, ...(await this.#open(fresh))]
  }

  /** What the readers get, at the present level. */
  async collect(): Promise<ResourceMetrics> {
    const { resourceMetrics, errors } = await this.#reader.collect()
    for (const error of errors) this.#logger.warn({ error }, 'Cannot collect an instrument')
    return atLevel(resourceMetrics, this.#options.level)
  }

  async shutdown(): Promise<void> {
    await Promise.all(this.#endpoints.map(({ server }) => server.shutdown()))
    this.#endpoints = []
    // What cannot be sent any more has been told by then.
    await this.#provider.shutdown().catch(() => {})
  }

  async #open(readers: readonly PrometheusOptions[]): Promise<Endpoint[]> {
    const opened: Endpoint[] = []
    const host = this.#host
    if (host === undefined) return opened
    const reload = () => host.service.reload(`POST ${RELOAD_PATH}`)
    const routes: Record<string, Route> = {
      [RELOAD_PATH]: (request, response) => answerReload(request, response, reload),
    }
    for (const options of readers) {
      const respond = ({ pathname }: URL) =>
        pathname === '/metrics' ? this.#page(options) : undefined
      const server = new PageServer(respond, this.#logger, routes)
      const address = addressOf(options)
      try {
        const at = await server.start(address, host.listen)
        this.#logger.info({ url: `http://${at}/metrics` }, 'Serving own metrics')
        opened.push({ options, server })
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        this.#logger.warn({ reason, change: CHANGE }, `Cannot serve own metrics on ${address}`)
      }
    }
    return opened
  }

  async #page(options: PrometheusOptions): Promise<Page> {
    const body = exposition(await this.collect(), { resource: this.#resource, options })
    return { type: CONTENT_TYPE, body }
  }
}

function isSame(wanted: PrometheusOptions, { options }: Endpoint): boolean {
  return JSON.stringify(wanted) === JSON.stringify(options)
}

function measureLogs(meter: Meter, { sampledOut }: Logs): void {
  const description = 'Lines of the log that sampling left out, by level.'
  meter
    .createObservableCounter('flowspan_log_lines_sampled_out', { description, unit: '{line}' })
    .addCallback((result) => {
      for (const [level, lines] of sampledOut) result.observe(lines, { level })
    })
}
