/** The layers over a gRPC channel. The batches are encoded already. */
import { ChannelCredentials } from '@grpc/grpc-js'
import type { Settings } from '../../pipeline/component.ts'
import { secured } from '../../pipeline/exporter/grpc_tls.ts'
import { GrpcTransport } from '../../pipeline/exporter/grpc_transport.ts'
import { type OtlpExporter, sendingExporter } from '../../pipeline/exporter/sending_exporter.ts'
import { ClientTls } from '../../pipeline/exporter/tls.ts'
import { userAgentOf } from '../../pipeline/exporter/user_agent.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import type { OtlpConfig } from './config.ts'
import { type Endpoint, parseEndpoint } from './endpoint.ts'

type Maker = (settings: Settings, config: OtlpConfig) => OtlpExporter

/** The maker reads the files that `tls` names, and throws when it cannot. */
export function otlpExporter(signal: OtlpBatch['signal']): Maker {
  return (settings, config) => {
    const { id, ledger, logger, version } = settings
    const path = `exporters::${id}`
    const endpoint = parseEndpoint(config.endpoint)
    if ('problem' in endpoint) throw new Error(`${path}::endpoint: ${endpoint.problem}`)
    const { keepalive, auth } = config
    const transport = new GrpcTransport(
      {
        target: endpoint.target,
        ...channelSecurity(settings, config, endpoint),
        authority: config.authority,
        compression: config.compression,
        headers: config.headers,
        balancer: config.balancer_name,
        keepalive: {
          timeMs: keepalive.time,
          timeoutMs: keepalive.timeout,
          permitWithoutStream: keepalive.permit_without_stream,
        },
        waitForReady: config.wait_for_ready,
        userAgent: config.user_agent || userAgentOf(version),
        auth: auth && { id: auth.authenticator, path: `${path}::auth::authenticator` },
      },
      { ledger, logger },
    )
    return sendingExporter(settings, { signal, transport, config })
  }
}

function channelSecurity(
  { id, logger }: Settings,
  { tls, auth }: OtlpConfig,
  { host, secure }: Endpoint,
): { credentials: () => ChannelCredentials; serverName: string } {
  if (secure === undefined ? tls.insecure : !secure) {
    if (auth !== undefined) logger.warn('Credentials are sent without TLS')
    const plain = ChannelCredentials.createInsecure()
    return { credentials: () => plain, serverName: '' }
  }
  const client = new ClientTls(tls, { path: `exporters::${id}::tls`, logger })
  let { context } = client
  let made = secured(tls, { host, context })
  const credentials = () => {
    if (client.context !== context) {
      context = client.context
      made = secured(tls, { host, context })
    }
    return made.credentials
  }
  return { credentials, serverName: made.serverName }
}
