/** gRPC by hand, on node:http2: every header and byte is the test's. */
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { TestContext } from 'node:test'
import { readRetryDelayMs } from '../../../pipeline/exporter/grpc_status.ts'

const SERVICE = '/opentelemetry.proto.collector'
export const TRACES = `${SERVICE}.trace.v1.TraceService/Export`
export const METRICS = `${SERVICE}.metrics.v1.MetricsService/Export`
export const LOGS = `${SERVICE}.logs.v1.LogsService/Export`

export interface Answer {
  readonly http: number
  /** `grpc-status`, as a number. */
  readonly code: number
  readonly message: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly retryAfterMs: number | undefined
}

export interface Asked {
  readonly headers?: OutgoingHttpHeaders
  /** Written one after another. */
  readonly body?: readonly Uint8Array[]
  /** The body is not whole: the stream stays open. */
  readonly open?: boolean
}

export class RawGrpc {
  readonly session: ClientHttp2Session

  constructor(t: TestContext, address: string) {
    this.session = connect(`http://${address}`)
    this.session.on('error', () => {})
    t.after(() => this.session.destroy())
  }

  async call({ headers = {}, body = [], open = false }: Asked): Promise<Answer> {
    const stream = this.session.request(
      {
        ':method': 'POST',
        ':path': TRACES,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      },
      { endStream: false },
    )
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    let found: IncomingHttpHeaders = {}
    const chunks: Buffer[] = []
    stream.on('response', (answer) => {
      found = { ...found, ...answer }
    })
    stream.on('trailers', (answer) => {
      found = { ...found, ...answer }
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.once('close', () => resolve(answerOf(found, Buffer.concat(chunks))))
    for (const chunk of body) stream.write(chunk)
    if (!open) stream.end()
    return await promise
  }
}

function answerOf(headers: IncomingHttpHeaders, body: Buffer): Answer {
  const details = headers['grpc-status-details-bin']
  return {
    http: Number(headers[':status']),
    code: Number(headers['grpc-status'] ?? Number.NaN),
    message: decodeURIComponent(String(headers['grpc-message'] ?? '')),
    headers,
    body,
    retryAfterMs:
      details === undefined ? undefined : readRetryDelayMs(Buffer.from(String(details), 'base64')),
  }
}

/** A message as it stands on the wire. */
export function frame(message: Uint8Array, { flag = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, message])
}
