/** Sends OTLP over gRPC, as an SDK would, and tells what the server answered. */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { responseType } from '../proto/otlp.ts'

const DEADLINE_MS = 10_000
const METHODS = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

/** Exports one request to "host:port" without TLS. Rejects with grpc-js' ServiceError. */
export async function exportOtlp(target: string, batch: OtlpBatch): Promise<object> {
  const client = new Client(target, credentials.createInsecure())
  try {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        METHODS[batch.signal],
        (message: Buffer) => message,
        (message: Buffer) => message,
        Buffer.from(batch.bytes),
        { deadline: Date.now() + DEADLINE_MS },
        (error: ServiceError | null, answer?: Buffer) =>
          error === null ? resolve(answer as Buffer) : reject(error),
      )
    })
    const type = responseType(batch.signal)
    return type.toObject(type.decode(bytes), { longs: String })
  } finally {
    client.close()
  }
}
