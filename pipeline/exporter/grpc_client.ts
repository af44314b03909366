/** A gRPC channel to one endpoint, as its options say. */
import { ChannelCredentials } from '@grpc/grpc-js'
import type { Settings } from '../component.ts'
import type { Endpoint } from './grpc_endpoint.ts'
import type { GrpcClientConfig } from './grpc_options.ts'
import { secured } from './grpc_tls.ts'
import { GrpcTransport } from './grpc_transport.ts'
import { ClientTls } from './tls.ts'
import { userAgentOf } from './user_agent.ts'

export interface GrpcPlace {
  readonly endpoint: Endpoint
  /** Where the options stand in the configuration. */
  readonly path: string
}

/** Reads the files that `tls` names, and throws when it cannot. */
export function grpcTransport(
  settings: Settings,
  config: GrpcClientConfig,
  of: GrpcPlace,
): GrpcTransport {
  const { ledger, logger, version } = settings
  const { endpoint, path } = of
  const { keepalive, auth } = config
  return new GrpcTransport(
    {
      target: endpoint.target,
      ...channelSecurity(settings, config, of),
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
}

function channelSecurity(
  { logger }: Settings,
  { tls, auth }: GrpcClientConfig,
  { endpoint: { host, secure }, path }: GrpcPlace,
): { credentials: () => ChannelCredentials; serverName: string } {
  if (secure === undefined ? tls.insecure : !secure) {
    if (auth !== undefined) logger.warn('Credentials are sent without TLS')
    const plain = ChannelCredentials.createInsecure()
    return { credentials: () => plain, serverName: '' }
  }
  const client = new ClientTls(tls, { path: `${path}::tls`, logger })
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
