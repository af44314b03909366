/**
 * The shop's api: one thread, asks storage on each request and passes its answer on.
 *
 *     api.ts PORT STORAGE_IPV4 STORAGE_IPV6 keep-alive|close
 *
 * GET /orders/N asks storage for /items/N, in the address family that the request came in.
 * GET /broken answers 500 without asking anybody.
 */
import http from 'node:http'

process.title = 'api' // the name the kernel has: a pod without Kubernetes is called so

const [port, storageIpv4, storageIpv6, connections] = process.argv.slice(2)
const agent = new http.Agent({ keepAlive: connections === 'keep-alive', maxSockets: 1 })

http.createServer(answer).listen(Number(port), '::')

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const item = /^\/orders\/(\w+)/.exec(request.url ?? '')?.[1]
  if (item === undefined) {
    response.writeHead(500).end('broken\n')
    return
  }
  const mapped = request.socket.remoteAddress?.startsWith('::ffff:')
  const host = mapped ? storageIpv4 : storageIpv6
  http
    .get({ host, port: 80, path: `/items/${item}`, agent }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, { 'content-type': 'application/json' })
      answered.pipe(response)
    })
    .on('error', (error) => response.writeHead(502).end(`${error.message}\n`))
}
