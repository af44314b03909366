/**
 * HTTP/2 and gRPC beside HTTP/1: real traffic of node:http2 and grpc-js, recorded over loopback,
 * and read again and again.
 */
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import grpc from '@grpc/grpc-js'
import { Wire } from '../test/pipeline/requests/http2/wire.ts'
import { type Conversation, http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000
const AT_ONCE = 8

/** Runs `ask` so many times, a few at once. */
async function repeat(ask: () => Promise<void>): Promise<void> {
  let left = EXCHANGES
  const worker = async () => {
    while (left-- > 0) await ask()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function gets(): Promise<Conversation> {
  const server = http2.createServer()
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, server: 'node', 'content-type': 'text/html' })
    stream.end('x'.repeat(612))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wire = new Wire()
  const port = await wire.open((server.address() as AddressInfo).port)
  const session = http2.connect(`http://127.0.0.1:${port}`)
  const fields = { 'user-agent': 'wrk/4.2', accept: '*/*', 'x-request-id': '5a3f' }
  await repeat(async () => {
    const stream = session.request({ ':path': '/orders/17?page=2', ...fields })
    stream.resume()
    await once(stream, 'end')
  })
  session.close()
  const said = await wire.ended()
  await wire.close()
  server.close()
  return { name: 'HTTP/2 GET, 612 bytes', port: 8080, exchanges: EXCHANGES, said }
}

async function calls(): Promise<Conversation> {
  const bytes = (value: Buffer) => value
  const path = '/shop.Orders/Get'
  const server = new grpc.Server()
  const definition = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  }
  server.addService(
    { get: definition },
    {
      get: (_: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, Buffer.alloc(612)),
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure()
    server.bindAsync('127.0.0.1:0', insecure, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  const wire = new Wire()
  const near = await wire.open(port)
  const client = new grpc.Client(`127.0.0.1:${near}`, grpc.credentials.createInsecure())
  await repeat(
    () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(20), (error) =>
          error ? reject(error) : resolve(),
        )
      }),
  )
  client.close()
  const said = await wire.ended()
  server.forceShutdown()
  await wire.close()
  return { name: 'gRPC call, 612 bytes', port: 50_051, exchanges: EXCHANGES, said }
}

measureParsers([http1(EXCHANGES), await gets(), await calls()])
