/**
 * Several clients at once, each with a connection that it keeps, asking for /orders/0, 1, 2, …
 *
 *     crowd.ts REQUESTS URL CLIENTS [SUFFIX]
 */
import http from 'node:http'

process.title = 'crowd'

const [requests, url, clients, suffix = ''] = process.argv.slice(2)
let next = 0

await Promise.all(Array.from({ length: Number(clients) }, work))

async function work(): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  while (next < Number(requests)) await get(`${url}/orders/${next++}${suffix}`, agent)
  agent.destroy()
}

function get(url: string, agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, (response) => response.resume().on('end', resolve)).on('error', reject)
  })
}
