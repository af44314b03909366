/** A real gRPC server that takes OTLP, keeps the bytes, and answers as the test says. */
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { responseType } from '../../proto/otlp.ts'

export interface Received {
  readonly path: string
  readonly bytes: Uint8Array
  readonly metadata: Metadata
}

/** An error, a response in bytes, or never anything. */
export type Answer = Partial<StatusObject> | Uint8Array | 'silence'

const SERVICES = { traces: 'trace.v1.Trace', metrics: 'metrics.v1.Metrics', logs: 'logs.v1.Logs' }

export class Backend {
  readonly received: Received[] = []
  /** Asked for each request, in the order of arrival. */
  answer: (request: number) => Answer | Promise<Answer> = () => new Uint8Array(0)
  port = 0
  readonly #server = new Server()
  readonly #arrived: (() => void)[] = []

  /** Listens; without a port on one that is free. */
  async listen(
    options: { credentials?: ServerCredentials; port?: number; host?: string } = {},
  ): Promise<this> {
    for (const service of Object.values(SERVICES))
      this.#server.addService(definition(service), {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) =>
          void this.#export({ call, reply, service }),
      })
    const address = `${options.host ?? '127.0.0.1'}:${options.port ?? 0}`
    const credentials = options.credentials ?? ServerCredentials.createInsecure()
    this.port = await new Promise((resolve, reject) =>
      this.#server.bindAsync(address, credentials, (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    )
    return this
  }

  /** Resolves when `count` requests have arrived. */
  async arrived(count: number): Promise<void> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => this.#arrived.push(resolve))
    }
  }

  close(): void {
    this.#server.forceShutdown()
  }

  async #export(request: {
    call: ServerUnaryCall<Buffer, Buffer>
    reply: sendUnaryData<Buffer>
    service: string
  }): Promise<void> {
    const { call, reply, service } = request
    const path = call.getPath()
    const number = this.received.push({ path, bytes: call.request, metadata: call.metadata }) - 1
    for (const resolve of this.#arrived.splice(0)) resolve()
    const answer = await this.answer(number)
    if (answer === 'silence') return
    if (answer instanceof Uint8Array) reply(null, Buffer.from(answer))
    else reply({ name: service, message: '', ...answer })
  }
}

function definition(service: string): ServiceDefinition {
  const identity = (bytes: Buffer) => bytes
  return {
    Export: {
      path: `/opentelemetry.proto.collector.${service}Service/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  }
}

/** The bytes of a response that reports a partial success. */
export function partialSuccess(rejected: number, message: string): Uint8Array {
  const type = responseType('traces')
  const partial = { rejectedSpans: rejected, errorMessage: message }
  return type.encode(type.fromObject({ partialSuccess: partial })).finish()
}
