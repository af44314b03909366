/**
 * An event loop that asks another service for each request, in one of many ways.
 *
 *     caller.ts PORT UPSTREAM_PORT WAY
 *
 * GET /orders/X asks for /items/X, maybe more than once.
 */
import { pbkdf2 } from 'node:crypto'
import http from 'node:http'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

process.title = 'caller'

const [port, upstreamPort, way] = process.argv.slice(2)
const pool = (maxSockets: number) => new http.Agent({ keepAlive: true, maxSockets })
const [one, four, kept] = [pool(1), pool(4), pool(Number.POSITIVE_INFINITY)]
const fresh = new http.Agent({ keepAlive: false })
const freshFour = new http.Agent({ keepAlive: false, maxSockets: 4 })

/** What a handler does for a path, by the way's name. */
const WAYS: Record<string, (path: string) => Promise<unknown>> = {
  kept: (path) => get(path, kept),
  fresh: (path) => get(path, fresh),
  fetch: async (path) => (await fetch(`http://127.0.0.1:${upstreamPort}${path}`)).text(),
  'pool of 1': (path) => get(path, one),
  'pool of 4': (path) => get(path, four),
  'pool of 4, fresh': (path) => get(path, freshFour),
  'limiter of 4': (path) => limited(() => get(path, kept)),
  'limiter of 4, immediate': (path) => limited(() => immediate().then(() => get(path, kept))),
  immediate: (path) => immediate().then(() => get(path, kept)),
  timer: (path) => sleep(3).then(() => get(path, kept)),
  dns: (path) => get(path, fresh, 'localhost'),
  'dns, kept': (path) => get(path, kept, 'localhost'),
  database: (path) => database().then(() => get(path, kept)),
  'half database': async (path) => {
    if (Math.random() < 0.5) await database()
    await get(path, kept)
  },
  twice: (path) => get(path, kept).then(() => get(path, kept)),
  'twice, pool of 4': (path) => get(path, four).then(() => get(path, four)),
  'twice, limiter of 4': (path) =>
    limited(() => get(path, kept)).then(() => limited(() => get(path, kept))),
  'twice, database between': async (path) => {
    await get(path, kept)
    await database()
    await get(path, kept)
  },
  'two at once': (path) => Promise.all([get(path, kept), get(path, kept)]),
  'three at once, pool of 4': (path) =>
    Promise.all([get(path, four), get(path, four), get(path, four)]),
  'three at once, limiter of 4': (path) =>
    Promise.all([1, 2, 3].map(() => limited(() => get(path, fresh)))),
  'one and database, one': async (path) => {
    const first = get(path, kept)
    await database()
    await Promise.all([first, get(path, kept)])
  },
}

const handle = WAYS[way ?? '']
if (handle === undefined) throw new Error(`There is no way "${way}"`)

http
  .createServer((request, response) => {
    const path = (request.url ?? '').replace('/orders/', '/items/')
    handle(path).then(
      () => response.end('ok\n'),
      (error: Error) => response.writeHead(502).end(`${error.message}\n`),
    )
  })
  .listen(Number(port), '127.0.0.1')

function get(path: string, agent: http.Agent, host = '127.0.0.1'): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get({ host, port: upstreamPort, path, agent, family: 4 }, (response) => {
        response.resume().on('end', resolve)
      })
      .on('error', reject)
  })
}

/** Something that a thread pool does for a millisecond or so. */
function database(): Promise<unknown> {
  return promisify(pbkdf2)('a', 'b', 1500, 32, 'sha1')
}

let running = 0
const queue: (() => void)[] = []

/** At most four tasks at a time; the others wait in a queue. */
async function limited<T>(task: () => Promise<T>): Promise<T> {
  if (running === 4) await new Promise<void>((resolve) => queue.push(resolve))
  else running++
  try {
    return await task()
  } finally {
    const next = queue.shift()
    if (next === undefined) running--
    else next()
  }
}
