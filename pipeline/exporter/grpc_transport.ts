/**
 * One attempt to deliver a batch over OTLP/gRPC: the batch's bytes go out as they are, without
 * being decoded or encoded.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientUnaryCall,
  compressionAlgorithms,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import type { Logger } from 'pino'
import { type ClientAuthenticator, clientAuthenticator } from '../auth.ts'
import type { Host } from '../component.ts'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { OK, type Outcome, permanent, retryable } from '../outcome.ts'
import { bookPartialSuccess } from './books.ts'
import { GrpcChannel } from './grpc_channel.ts'
import { outcomeOfError } from './grpc_status.ts'
import { readResponse } from './otlp_response.ts'
import type { SendContext } from './sender.ts'
import type { Transport } from './sending_exporter.ts'

const SERVICE = 'opentelemetry.proto.collector'
const METHOD: { readonly [S in OtlpBatch['signal']]: string } = {
  traces: `/${SERVICE}.trace.v1.TraceService/Export`,
  metrics: `/${SERVICE}.metrics.v1.MetricsService/Export`,
  logs: `/${SERVICE}.logs.v1.LogsService/Export`,
}

export const GRPC_COMPRESSIONS = ['gzip', 'deflate', 'none', ''] as const

export interface GrpcTarget {
  /** As gRPC names it: `dns:///host:port`, `unix:///path`. */
  readonly target: string
  /** Asked before each attempt; the same object as long as it is to be the same channel. */
  readonly credentials: () => ChannelCredentials
  /** Instead of the host in the target, for TLS; '' for that. */
  readonly serverName: string
  /** Of the `:authority` header; '' for the target's. */
  readonly authority: string
  readonly compression: (typeof GRPC_COMPRESSIONS)[number]
  readonly headers: Readonly<Record<string, string>>
  readonly balancer: string
  readonly keepalive: Keepalive | undefined
  /** Whether an attempt waits, within its deadline, for a connection that is not there. */
  readonly waitForReady: boolean
  readonly userAgent: string
  /** The extension that gives credentials; `path` is the option that names it. */
  readonly auth: { readonly id: string; readonly path: string } | undefined
}

export interface Keepalive {
  readonly timeMs: number
  readonly timeoutMs: number
  readonly permitWithoutStream: boolean
}

export class GrpcTransport implements Transport {
  readonly #target: GrpcTarget
  readonly #ledger: Ledger
  readonly #logger: Logger
  readonly #metadata: Metadata
  readonly #open = new Set<ClientUnaryCall>()
  #authenticator: ClientAuthenticator | undefined
  readonly #channel: GrpcChannel
  #isOpen = false

  constructor(target: GrpcTarget, books: { ledger: Ledger; logger: Logger }) {
    this.#target = target
    this.#ledger = books.ledger
    this.#logger = books.logger
    this.#channel = new GrpcChannel({ target: target.target, options: channelOptions(target) })
    this.#metadata = metadataOf(target.headers)
    this.#metadata.setOptions({ waitForReady: target.waitForReady })
  }

  /** The channel connects when the first batch is sent. */
  start(host: Host): void {
    const { auth } = this.#target
    if (auth !== undefined) this.#authenticator = clientAuthenticator(host, auth)
    this.#isOpen = true
  }

  send(batch: OtlpBatch, { deadline }: SendContext): Promise<Outcome> {
    if (!this.#isOpen) return Promise.resolve(retryable('the connection is closed'))
    const metadata = this.#metadataNow()
    if (!(metadata instanceof Metadata)) return Promise.resolve(metadata)
    const client = this.#channel.client(this.#target.credentials())
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const call = client.makeUnaryRequest(
      METHOD[batch.signal],
      asBuffer,
      (response: Buffer) => response,
      batch.bytes,
      metadata,
      deadline === undefined ? {} : { deadline: Date.now() + deadline - performance.now() },
      (error: ServiceError | null, response?: Buffer) => {
        this.#open.delete(call)
        resolve(error === null ? this.#accepted(batch, response) : outcomeOfError(error))
      },
    )
    this.#open.add(call)
    return promise
  }

  hurry(): void {}

  close(): void {
    this.#isOpen = false
    for (const call of this.#open) call.cancel()
    this.#channel.close()
  }

  #metadataNow(): Metadata | Outcome {
    if (this.#authenticator === undefined) return this.#metadata
    const metadata = this.#metadata.clone()
    try {
      for (const [name, value] of Object.entries(this.#authenticator.credentials())) {
        metadata.set(name, value)
      }
    } catch (error) {
      return retryable(`cannot get credentials: ${(error as Error).message}`)
    }
    return metadata
  }

  #accepted(batch: OtlpBatch, response: Buffer | undefined): Outcome {
    const answer = readResponse(response ?? new Uint8Array(0))
    if (answer === undefined) return OK
    if (answer.kind === 'malformed') return permanent(`malformed response: ${answer.reason}`)
    bookPartialSuccess({ ledger: this.#ledger, logger: this.#logger }, { batch, answer })
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
  const { serverName, authority, compression, userAgent, keepalive, balancer } = target
  return {
    'grpc.primary_user_agent': userAgent,
    'grpc.default_compression_algorithm': algorithmOf(compression),
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [balancer]: {} }] }),
    // Retries are the retry layer's, which counts them and can be told to hurry.
    'grpc.enable_retries': 0,
    // Two exporters of one backend share nothing: closing one must not disturb the other.
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName !== '' && { 'grpc.ssl_target_name_override': serverName }),
    ...(authority !== '' && { 'grpc.default_authority': authority }),
    ...(keepalive && {
      'grpc.keepalive_time_ms': keepalive.timeMs,
      'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
      'grpc.keepalive_permit_without_calls': keepalive.permitWithoutStream ? 1 : 0,
    }),
  }
}

function algorithmOf(compression: GrpcTarget['compression']): compressionAlgorithms {
  if (compression === 'gzip') return compressionAlgorithms.gzip
  if (compression === 'deflate') return compressionAlgorithms.deflate
  return compressionAlgorithms.identity
}
