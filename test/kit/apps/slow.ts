/**
 * A service that answers anything after a moment: at random between 0 and MAX_MS milliseconds, so
 * that answers come in another order than requests.
 *
 *     slow.ts PORT MAX_MS
 */
import http from 'node:http'

process.title = 'slow'

const [port, maxMs] = process.argv.slice(2)

http
  .createServer((_request, response) => {
    setTimeout(() => response.end('done\n'), Math.random() * Number(maxMs))
  })
  .listen(Number(port), '127.0.0.1')
