/**
 * A client that knows exactly what it sends and gets: writes each request to one kept connection,
 * waits for its whole response, and prints both sizes.
 *
 *     http_client.ts HOST PORT REQUEST…   each REQUEST is {method, path, body?, chunked?, headers?}
 *     → one line: [{ "method", "path", "status", "sent", "received" }, …]
 */
import http from 'node:http'

interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: number
  readonly chunked?: boolean
  readonly headers?: Record<string, string>
}

const [host, port, ...requests] = process.argv.slice(2)
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const results: unknown[] = []

for (const text of requests) {
  const asked = JSON.parse(text) as Asked
  results.push({ method: asked.method, path: asked.path, ...(await ask(asked)) })
}
console.log(JSON.stringify(results))
agent.destroy()

function ask({ method, path, body, chunked, headers }: Asked): Promise<object> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path, agent, headers: headers ?? {} })
    let before = { sent: 0, received: 0 }
    request.on('error', reject)
    request.on('socket', (socket) => {
      before = { sent: socket.bytesWritten, received: socket.bytesRead }
    })
    request.on('response', (response) => {
      const { socket } = response
      response.resume()
      response.on('end', () => {
        resolve({
          status: response.statusCode,
          sent: socket.bytesWritten - before.sent,
          received: socket.bytesRead - before.received,
        })
      })
    })
    if (body !== undefined && chunked !== true) request.setHeader('Content-Length', body)
    if (body !== undefined) request.write('x'.repeat(body))
    request.end()
  })
}
