/**
 * A server with bodies of all framings, on all addresses: http_server.ts PORT
 *
 *     /length/N     N bytes, with Content-Length
 *     /chunked/N    N bytes in four chunks, written one after the other
 *     /close        an answer without length, ended by closing the connection
 *     /early        answers before it reads the request's body
 *     /slow         answers after 1.5 s
 *     else          204
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

http
  // An idle connection soon ends: it has a row in each test that finds it.
  .createServer({ keepAliveTimeout: 500 }, async (request, response) => {
    const [, kind, count] = (request.url ?? '').split(/[/?]/)
    if (kind !== 'early') for await (const _ of request);
    if (kind === 'slow') await sleep(1500)
    const bytes = Number(count ?? 0)
    if (kind === 'chunked') {
      for (let i = 0; i < 4; i++) {
        response.write('x'.repeat(bytes / 4))
        await sleep(2)
      }
      response.end()
    } else if (kind === 'close') {
      response.socket?.end('HTTP/1.0 200 OK\r\n\r\nuntil the end')
    } else if (kind === 'length' || kind === 'early') {
      response.end('x'.repeat(bytes))
      if (kind === 'early') request.resume()
    } else {
      response.writeHead(204).end()
    }
  })
  .listen(Number(process.argv[2]), '::', () => console.log('ready'))
