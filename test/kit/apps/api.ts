/**
 * The shop's api: one thread, asks storage on each request and passes its answer on.
 *
 *     api.ts PORT STORAGE_IPV4 STORAGE_IPV6
 *
 * GET /orders/N asks storage for /items/N over a connection that it keeps, GET /orders/N/fresh
 * over one of its own, both in the address family that the request came in. GET /orders/N/held asks
 * too, and is never answered. Anything else is answered with 500 without asking anybody.
 */
import http from 'node:http'

process.title = 'api' // the name the kernel has: a pod without Kubernetes is called so

const [port, storageIpv4, storageIpv6] = process.argv.slice(2)
const kept = new http.Agent({ keepAlive: true, maxSockets: 1 })
const fresh = new http.Agent({ keepAlive: false })

http.createServer(answer).listen(Number(port), '::')

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const order = /^\/orders\/(?<item>[\w-]+)(?:\/(?<way>fresh|held))?$/.exec(
    request.url ?? '',
  )?.groups
  if (order === undefined) {
    response.writeHead(500).end('broken\n')
    return
  }
  const isIpv4 = request.socket.remoteAddress?.startsWith('::ffff:')
  const host = isIpv4 ? storageIpv4 : storageIpv6
  const agent = order.way === 'fresh' ? fresh : kept
  http
    .get({ host, port: 80, path: `/items/${order.item}`, agent }, (answered) => {
      if (order.way === 'held') {
        answered.resume()
        return
      }
      response.writeHead(answered.statusCode ?? 502, { 'content-type': 'application/json' })
      answered.pipe(response)
    })
    .on('error', (error) => response.writeHead(502).end(`${error.message}\n`))
}
