/**
 * A client that asks all the time: some connections are kept to the end and carry one request after
 * the other, every tenth of them a slow one; others are made for a single request.
 *
 *     steady.ts URL KEPT
 *
 * Every request has a path of its own, /fast/N or /slow/N. On SIGUSR2 it finishes what it has
 * begun, and prints one JSON line: requests that were answered, connections that were made.
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

process.title = 'steady'

const PAUSE_MS = 5
const SLOW_EVERY = 10

const [url, kept] = process.argv.slice(2) as [string, string]
const sockets = new Set<unknown>()
let last = 0
let answered = 0
let isOver = false
process.on('SIGUSR2', () => {
  isOver = true
})

await Promise.all([...Array.from({ length: Number(kept) }, keep), makeFresh()])
console.log(JSON.stringify({ requests: last, answered, connections: sockets.size }))

async function keep(): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 1; !isOver; i++) {
    await ask(agent, i % SLOW_EVERY === 0 ? 'slow' : 'fast')
    await sleep(PAUSE_MS)
  }
  agent.destroy()
}

async function makeFresh(): Promise<void> {
  while (!isOver) {
    const agent = new http.Agent({ keepAlive: false })
    await ask(agent, 'fast')
    agent.destroy()
    await sleep(PAUSE_MS)
  }
}

function ask(agent: http.Agent, how: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get(`${url}/${how}/${++last}`, { agent }, (response) => {
        response.resume().on('end', () => {
          answered++
          resolve()
        })
      })
      .on('socket', (socket) => sockets.add(socket))
      .on('error', reject)
  })
}
