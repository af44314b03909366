/**
 * A server whose answers to /slow/… come bit by bit over a while, and all others at once.
 *
 *     dribble.ts PORT
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

process.title = 'dribble'

const PARTS = 6
const PART_MS = 250

const server = http.createServer(async (request, response) => {
  if (request.url?.startsWith('/slow/')) {
    for (let part = 0; part < PARTS; part++) {
      response.write('part\n')
      await sleep(PART_MS)
    }
  }
  response.end('done\n')
})
server.keepAliveTimeout = 0
server.listen(Number(process.argv[2]), '127.0.0.1')
