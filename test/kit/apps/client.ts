/**
 * A client that keeps its connection and sends one request after the other.
 *
 *     client.ts REQUESTS URL [NAME=VALUE header]…
 *
 * Prints one JSON line at the end: requests sent, how often each status came, connections made.
 */
import http from 'node:http'

process.title = 'client'

const [count, url, ...headers] = process.argv.slice(2)
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const statuses: Record<string, number> = {}
const sockets = new Set<unknown>()

for (let sent = 0; sent < Number(count); sent++) {
  const status = await get()
  statuses[status] = (statuses[status] ?? 0) + 1
}
agent.destroy()
console.log(JSON.stringify({ requests: Number(count), statuses, connections: sockets.size }))

function get(): Promise<number> {
  return new Promise((resolve, reject) => {
    const fields = Object.fromEntries(headers.map((header) => header.split('=')))
    http
      .get(url as string, { agent, headers: fields }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      })
      .on('socket', (socket) => sockets.add(socket))
      .on('error', reject)
  })
}
