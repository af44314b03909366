/** The layers over HTTP connections. */
import type { Settings, Signal } from '../../pipeline/component.ts'
import { compressorOf } from '../../pipeline/exporter/compression.ts'
import { HttpAgents } from '../../pipeline/exporter/http_agents.ts'
import { HttpTransport } from '../../pipeline/exporter/http_transport.ts'
import { type OtlpExporter, sendingExporter } from '../../pipeline/exporter/sending_exporter.ts'
import { ClientTls } from '../../pipeline/exporter/tls.ts'
import { userAgentOf } from '../../pipeline/exporter/user_agent.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { type OtlpHttpConfig, urlOf } from './config.ts'

type Maker = (settings: Settings, config: OtlpHttpConfig) => OtlpExporter

/**
 * The maker reads the files that `tls` names, and throws when it cannot.
 * @param carries the pipeline's signal, where its data become requests of another
 */
export function otlpHttpExporter(signal: OtlpBatch['signal'], carries: Signal = signal): Maker {
  return (settings, config) => {
    const { id, ledger, logger, version } = settings
    const path = `exporters::${id}`
    const url = urlOf(signal, config)
    if ('problem' in url) throw new Error(`${path}: ${url.problem}`)
    const { auth, tls } = config
    const isSecure = url.protocol === 'https:'
    if (auth !== undefined && !isSecure) logger.warn('Credentials are sent without TLS')
    const client = isSecure ? new ClientTls(tls, { path: `${path}::tls`, logger }) : undefined
    const transport = new HttpTransport(
      {
        url,
        encoding: config.encoding,
        compressor: compressorOf(config.compression, config.compression_params.level),
        headers: config.headers,
        userAgent: userAgentOf(version),
        agents: new HttpAgents(connectionsOf(config), client && { config: tls, client }),
        auth: auth && { id: auth.authenticator, path: `${path}::auth::authenticator` },
      },
      { ledger, logger },
    )
    return sendingExporter(settings, { signal, carries, transport, config })
  }
}

function connectionsOf(config: OtlpHttpConfig) {
  const { max_idle_conns, max_idle_conns_per_host: perHost } = config
  // There is but one host: the smaller of the two bounds holds, where 0 is none.
  const bounds = [max_idle_conns, perHost].filter((bound) => bound > 0)
  return {
    maxIdle: bounds.length === 0 ? 0 : Math.min(...bounds),
    max: config.max_conns_per_host,
    idleTimeoutMs: config.idle_conn_timeout,
    keepAlive: !config.disable_keep_alives,
    proxyUrl: config.proxy_url,
  }
}
