/** Flow rows through an exporter of OTLP: each batch becomes a request of logs (docs/FLOWS.md). */
import type { Exporter, Settings } from '../component.ts'
import type { FlowBatch } from '../flows/batch.ts'
import { FlowsEncoder } from '../flows/otlp/encode.ts'
import type { Outcome } from '../outcome.ts'
import type { OtlpExporter } from './sending_exporter.ts'

/** Everything but the encoding is the exporter's: queue, batches, retries, storage, credentials. */
export function flowsExporter(exporter: OtlpExporter, { version }: Settings): Exporter<'flows'> {
  const encoder = new FlowsEncoder(version)
  const { start, refusal, held, shutdown } = exporter
  return {
    mutates: false,
    ...(start && { start: (host) => start(host) }),
    ...(refusal && { refusal: () => refusal() }),
    ...(held && { held: () => held() }),
    ...(shutdown && { shutdown: (deadline) => shutdown(deadline) }),
    consume(batch: FlowBatch): Outcome | Promise<Outcome> {
      return exporter.consume(encoder.encode(batch))
    },
  }
}
