/** Assembles the layers: queue, retry, transport. The batches are encoded already. */
import { ChannelCredentials } from '@grpc/grpc-js'
import type { Exporter, Settings } from '../../pipeline/component.ts'
import { Direct } from '../../pipeline/exporter/direct.ts'
import { tlsOf } from '../../pipeline/exporter/grpc_tls.ts'
import { GrpcTransport } from '../../pipeline/exporter/grpc_transport.ts'
import { SendingQueue } from '../../pipeline/exporter/queue.ts'
import { Retry } from '../../pipeline/exporter/retry.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { type OtlpConfig, parseEndpoint } from './config.ts'

/** Reads the files that `tls` names, and throws when it cannot. */
export function otlpExporter(
  settings: Settings,
  config: OtlpConfig,
): Exporter<OtlpBatch['signal']> {
  const { id, ledger, logger, version } = settings
  const endpoint = parseEndpoint(config.endpoint)
  if ('problem' in endpoint) throw new Error(`exporters::${id}::endpoint: ${endpoint.problem}`)
  const insecure = endpoint.secure === undefined ? config.tls.insecure : !endpoint.secure
  const where = { host: endpoint.host, path: `exporters::${id}::tls` }
  const plain = { credentials: ChannelCredentials.createInsecure(), serverName: '' }
  const transport = new GrpcTransport(
    {
      target: endpoint.target,
      ...(insecure ? plain : tlsOf(config.tls, where)),
      compression: config.compression,
      headers: config.headers,
      timeoutMs: config.timeout,
      userAgent: `flowspan/${version} (linux/${process.arch})`,
    },
    { ledger, logger },
  )
  const retry = config.retry_on_failure
  const sender = retry.enabled ? new Retry(retry, { next: transport, logger }) : transport
  const queue = config.sending_queue
  const first = queue.enabled
    ? new SendingQueue(queue, { next: sender, ledger })
    : new Direct({ next: sender, ledger })
  return {
    mutates: false,
    start: () => transport.start(),
    consume: (batch) => first.consume(batch),
    held: () => first.held(),
    shutdown: () => first.shutdown(),
  }
}
