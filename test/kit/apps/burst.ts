/**
 * A client that makes a connection for each request, some at a time.
 *
 *     burst.ts REQUESTS URL CONCURRENCY
 *
 * Prints one JSON line at the end: how many were answered with 200.
 */
import http from 'node:http'

process.title = 'burst'

const [requests, url, concurrency] = process.argv.slice(2)
let left = Number(requests)
let answered = 0

await Promise.all(Array.from({ length: Number(concurrency) }, work))
console.log(JSON.stringify({ answered }))

async function work(): Promise<void> {
  while (left-- > 0) if ((await get()) === 200) answered++
}

function get(): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get(url as string, { agent: false }, (response) => {
        response.resume().on('close', () => resolve(response.statusCode ?? 0))
      })
      .on('error', reject)
  })
}
