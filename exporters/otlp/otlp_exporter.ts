/** The layers over a gRPC channel. The batches are encoded already. */
import type { Settings, Signal } from '../../pipeline/component.ts'
import { grpcTransport } from '../../pipeline/exporter/grpc_client.ts'
import { parseEndpoint } from '../../pipeline/exporter/grpc_endpoint.ts'
import { type OtlpExporter, sendingExporter } from '../../pipeline/exporter/sending_exporter.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import type { OtlpConfig } from './config.ts'

type Maker = (settings: Settings, config: OtlpConfig) => OtlpExporter

/**
 * The maker reads the files that `tls` names, and throws when it cannot.
 * @param carries the pipeline's signal, where its data become requests of another
 */
export function otlpExporter(signal: OtlpBatch['signal'], carries: Signal = signal): Maker {
  return (settings, config) => {
    const path = `exporters::${settings.id}`
    const endpoint = parseEndpoint(config.endpoint)
    if ('problem' in endpoint) throw new Error(`${path}::endpoint: ${endpoint.problem}`)
    const transport = grpcTransport(settings, config, { endpoint, path })
    return sendingExporter(settings, { signal, carries, transport, config })
  }
}
