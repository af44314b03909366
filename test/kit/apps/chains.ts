/**
 * A client that begins chains at a steady rate: every tenth is /grpc/N, of which there is one at a
 * time; of the others AT_ONCE are begun together, and no more at a time: /kept/N for even N over
 * connections that it keeps, /fresh/N for odd ones over a connection each.
 *
 *     chains.ts URL FROM COUNT A_SECOND AT_ONCE
 *
 * Prints a JSON list of the numbers that were answered with 200.
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

process.title = 'chains'

const [url, ...numbers] = process.argv.slice(2)
const [from, count, rate, atOnce] = numbers.map(Number) as [number, number, number, number]
const kept = new http.Agent({ keepAlive: true })
const answered: number[] = []
const startMs = performance.now()

const all = Array.from({ length: count }, (_, i) => from + i)
const grpc = all.filter((number) => number % 10 === 9)
const others = all.filter((number) => number % 10 !== 9)
await Promise.all([begin(grpc, 1), begin(others, atOnce)])
kept.destroy()
console.log(JSON.stringify(answered))

/** The numbers, so many at a time, over the time that all take at the rate. */
async function begin(numbers: readonly number[], atOnce: number): Promise<void> {
  for (let i = 0; i < numbers.length; i += atOnce) {
    const waitMs = startMs + (((i / numbers.length) * count) / rate) * 1000 - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    await Promise.all(numbers.slice(i, i + atOnce).map(ask))
  }
}

function ask(number: number): Promise<void> {
  const kind = number % 10 === 9 ? 'grpc' : number % 2 === 0 ? 'kept' : 'fresh'
  return new Promise((resolve, reject) => {
    http
      .get(`${url}/${kind}/${number}`, { agent: kind === 'fresh' ? false : kept }, (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 200) answered.push(number)
          resolve()
        })
      })
      .on('error', reject)
  })
}
