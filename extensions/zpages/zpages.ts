/** Pages about the running service, for a browser: nothing to install, no script, no state. */
import type { Extension, Host, Settings } from '../../pipeline/component.ts'
import { type Page, PageServer } from '../../pipeline/page_server.ts'
import type { ServiceView } from '../../pipeline/service_view.ts'
import type { ZpagesConfig } from './config.ts'
import { document, type Html, type PageName } from './html.ts'
import {
  extensionPage,
  extensionStates,
  servicePage,
  serviceState,
  tracePage,
} from './other_pages.ts'
import { pipelinePage } from './pipeline_page.ts'
import { pipelineStates } from './pipelines.ts'
import { RateMeter } from './rates.ts'

const REFRESH_SECONDS_MAX = 3600

/** Nothing is loaded from anywhere, and what a browser is told is not to be guessed. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
}

interface Content {
  readonly title: string
  readonly data: unknown
  readonly body: () => Html
}

export class Zpages implements Extension {
  readonly #config: ZpagesConfig
  readonly #settings: Settings
  #server: PageServer | undefined
  #meter: RateMeter | undefined

  constructor(settings: Settings, config: ZpagesConfig) {
    this.#settings = settings
    this.#config = config
  }

  async start({ listen, service }: Host): Promise<void> {
    const { logger } = this.#settings
    const meter = new RateMeter(() => service.components())
    this.#server = new PageServer((url) => answer(url, { service, meter }), logger)
    const address = await this.#server.start(this.#config.endpoint, listen)
    this.#meter = meter
    meter.start()
    logger.info({ endpoint: address, path: '/debug/pipelinez' }, 'Serving zpages')
  }

  async shutdown(): Promise<void> {
    this.#meter?.stop()
    await this.#server?.shutdown()
  }
}

interface Shown {
  readonly service: ServiceView
  readonly meter: RateMeter
}

async function answer(url: URL, shown: Shown): Promise<Page | undefined> {
  if (url.pathname === '/' || url.pathname === '/debug' || url.pathname === '/debug/') {
    return { status: 302, type: 'text/plain', body: '', headers: { location: '/debug/pipelinez' } }
  }
  const name = /^\/debug\/([a-z]+)$/.exec(url.pathname)?.[1] as PageName | undefined
  const make = name === undefined || !Object.hasOwn(CONTENTS, name) ? undefined : CONTENTS[name]
  if (make === undefined || name === undefined) return undefined
  const { title, data, body } = await make(shown)
  if (url.searchParams.get('format') === 'json') {
    const text = `${JSON.stringify(data, undefined, 2)}\n`
    return { type: 'application/json; charset=utf-8', body: text, headers: HEADERS }
  }
  const wanted = Number(url.searchParams.get('refresh') ?? 0)
  const refreshSeconds = wanted >= 1 ? Math.min(Math.round(wanted), REFRESH_SECONDS_MAX) : 0
  const text = document(body(), { page: name, title, refreshSeconds })
  return { type: 'text/html; charset=utf-8', body: text, headers: HEADERS }
}

const CONTENTS: Readonly<Record<PageName, (shown: Shown) => Content | Promise<Content>>> = {
  async pipelinez({ service, meter }) {
    const pipelines = await pipelineStates(service, meter)
    return { title: 'Pipelines', data: { pipelines }, body: () => pipelinePage(pipelines) }
  },
  servicez: ({ service }) => ({
    title: 'Service',
    data: serviceState(service),
    body: () => servicePage(service),
  }),
  extensionz: ({ service }) => ({
    title: 'Extensions',
    data: { extensions: extensionStates(service) },
    body: () => extensionPage(service),
  }),
  tracez({ service }) {
    const spans = service.spans()
    return { title: 'Traces', data: { spans: spans ?? [] }, body: () => tracePage(spans) }
  },
}
