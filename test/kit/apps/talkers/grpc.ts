/** Calls with numbers: /n.N/n7 ends with the status 7 % 17. */
import { once } from 'node:events'
import http2 from 'node:http2'

const STATUSES = 17
const MESSAGE = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])

function statusOf(path: string): number {
  return Number(path.slice(path.lastIndexOf('n') + 1)) % STATUSES
}

export function serveGrpc(port: number): void {
  const server = http2.createServer()
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    const status = statusOf(String(headers[':path']))
    stream.on('error', () => {}).resume()
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': `${status}` }))
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.end(MESSAGE)
  })
  server.listen(port, '0.0.0.0')
}

export class GrpcTalker {
  readonly #session: http2.ClientHttp2Session

  constructor(host: string, port: number) {
    this.#session = http2.connect(`http://${host}:${port}`)
  }

  get port(): number {
    return this.#session.socket?.localPort ?? 0
  }

  /** Gives its status. */
  async call(id: number): Promise<number> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/n.N/n${id}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const trailers = once(stream, 'trailers')
    stream.resume().end(MESSAGE)
    const [fields] = (await trailers) as [http2.IncomingHttpHeaders]
    return Number(fields['grpc-status'])
  }

  end(): Promise<void> {
    return new Promise((resolve) => this.#session.close(resolve))
  }
}
