/**
 * One attempt to deliver a batch over OTLP/gRPC: the batch's bytes go out as they are, without
 * being decoded or encoded.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientUnaryCall,
  compressionAlgorithms,
  Metadata,
} from '@grpc/grpc-js'
import type { Logger } from 'pino'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { OK, type Outcome, permanent, retryable } from '../outcome.ts'
import { outcomeOfError } from './grpc_status.ts'
import { readResponse } from './otlp_response.ts'
import type { Sender } from './sender.ts'

const SERVICE = 'opentelemetry.proto.collector'
const METHOD: { readonly [S in OtlpBatch['signal']]: string } = {
  traces: `/${SERVICE}.trace.v1.TraceService/Export`,
  metrics: `/${SERVICE}.metrics.v1.MetricsService/Export`,
  logs: `/${SERVICE}.logs.v1.LogsService/Export`,
}

export interface GrpcTarget {
  /** As gRPC names it: `dns:///host:port`, `unix:///path`. */
  readonly target: string
  readonly credentials: ChannelCredentials
  /** Instead of the host in the target, for TLS; '' for that. */
  readonly serverName: string
  readonly compression: 'gzip' | 'none'
  readonly headers: Readonly<Record<string, string>>
  /** Of one attempt; 0 for none. */
  readonly timeoutMs: number
  readonly userAgent: string
}

export class GrpcTransport implements Sender {
  readonly #target: GrpcTarget
  readonly #ledger: Ledger
  readonly #logger: Logger
  readonly #metadata: Metadata
  readonly #open = new Set<ClientUnaryCall>()
  #client: Client | undefined
  #closed = false

  constructor(target: GrpcTarget, books: { ledger: Ledger; logger: Logger }) {
    this.#target = target
    this.#ledger = books.ledger
    this.#logger = books.logger
    this.#metadata = metadataOf(target.headers)
  }

  /** Makes the channel, which connects when the first batch is sent. */
  start(): void {
    this.#client = new Client(
      this.#target.target,
      this.#target.credentials,
      channelOptions(this.#target),
    )
  }

  send(batch: OtlpBatch): Promise<Outcome> {
    const client = this.#client
    if (client === undefined || this.#closed) {
      return Promise.resolve(retryable('the connection is closed'))
    }
    const { timeoutMs } = this.#target
    return new Promise((resolve) => {
      const call = client.makeUnaryRequest(
        METHOD[batch.signal],
        asBuffer,
        (response: Buffer) => response,
        batch.bytes,
        this.#metadata,
        timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {},
        (error, response) => {
          this.#open.delete(call)
          resolve(error === null ? this.#accepted(batch, response) : outcomeOfError(error))
        },
      )
      this.#open.add(call)
    })
  }

  hurry(): void {}

  close(): void {
    this.#closed = true
    for (const call of this.#open) call.cancel()
    this.#client?.close()
    this.#client = undefined
  }

  #accepted(batch: OtlpBatch, response: Buffer | undefined): Outcome {
    const answer = readResponse(response ?? new Uint8Array(0))
    if (answer === undefined) return OK
    if (answer.kind === 'malformed') return permanent(`malformed response: ${answer.reason}`)
    this.#ledger.note('rejected_by_backend', answer.rejected)
    this.#logger.warn(
      { message: answer.message, [`dropped_${batch.signal}`]: answer.rejected },
      'Partial success response',
    )
    return OK
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Throws where gRPC does not allow a header's name or value. */
export function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

function channelOptions(target: GrpcTarget): ChannelOptions {
  const { serverName, compression, userAgent } = target
  return {
    'grpc.primary_user_agent': userAgent,
    'grpc.default_compression_algorithm':
      compression === 'gzip' ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
    ...(serverName !== '' && { 'grpc.ssl_target_name_override': serverName }),
  }
}
