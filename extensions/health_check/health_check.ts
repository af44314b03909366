/** Answers probes of Kubernetes, load balancers and people with how flowspan is doing. */
import type { Extension, Host, Settings } from '../../pipeline/component.ts'
import { type Page, PageServer } from '../../pipeline/page_server.ts'
import type { ServiceView } from '../../pipeline/service_view.ts'
import { pipelinePage, shortPage, statusPage } from './answer.ts'
import { type HealthCheckConfig, placeOf } from './config.ts'
import { isFatal, overall, parts } from './health.ts'

export class HealthCheck implements Extension {
  readonly #config: HealthCheckConfig
  readonly #settings: Settings
  #server: PageServer | undefined

  constructor(settings: Settings, config: HealthCheckConfig) {
    this.#settings = settings
    this.#config = config
  }

  async start({ listen, service }: Host): Promise<void> {
    const { logger } = this.#settings
    this.#server = new PageServer((url) => this.#answer(url, service), logger)
    const { endpoint, path } = placeOf(this.#config)
    const address = await this.#server.start(endpoint, listen)
    logger.info({ endpoint: address, path }, 'Answering health checks')
  }

  async shutdown(): Promise<void> {
    await this.#server?.shutdown()
  }

  #answer(url: URL, service: ServiceView): Page | undefined {
    const { use_v2, liveness_path, response_body } = this.#config
    const { path } = placeOf(this.#config)
    const all = parts(service, this.#config.component_health)
    if (url.pathname === liveness_path) return liveness(isFatal(all))
    if (url.pathname !== path && path !== '/') return undefined
    const { startedAt } = service
    if (!use_v2) return shortPage(overall(service, all), { startedAt, body: response_body })
    const verbose = url.searchParams.has('verbose') && url.searchParams.get('verbose') !== 'false'
    const pipeline = url.searchParams.get('pipeline')
    if (pipeline === null) {
      return statusPage(overall(service, all), { startedAt, parts: all, verbose })
    }
    const part = all.find(({ name }) => name === `pipeline:${pipeline}`)
    return part && pipelinePage(part, verbose)
  }
}

/** Only what a restart would mend: an answer at all, and no component that cannot go on. */
function liveness(cannotGoOn: boolean): Page {
  const type = 'text/plain; charset=utf-8'
  return cannotGoOn ? { status: 500, type, body: 'not alive\n' } : { type, body: 'alive\n' }
}
