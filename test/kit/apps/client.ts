/**
 * A client that keeps its connection and sends one request after the other.
 *
 *     client.ts REQUESTS URL [NAME=VALUE header]…
 *
 * Prints one JSON line at the end: how often each status came, connections made, and their bytes.
 */
import http from 'node:http'
import type { Socket } from 'node:net'

process.title = 'client'

const [count, url, ...headers] = process.argv.slice(2)
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const statuses: Record<string, number> = {}
const sockets = new Set<Socket>()

for (let sent = 0; sent < Number(count); sent++) {
  const status = await get()
  statuses[status] = (statuses[status] ?? 0) + 1
}
agent.destroy()
const bytes = { sent: 0, received: 0 }
for (const socket of sockets) {
  bytes.sent += socket.bytesWritten
  bytes.received += socket.bytesRead
}
console.log(JSON.stringify({ statuses, connections: sockets.size, bytes }))

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
