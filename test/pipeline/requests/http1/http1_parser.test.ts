import { client, parserSuite, server } from '../talk.ts'

const get = (path: string) => client(`GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`)
const ok = (body: string) =>
  server(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)

parserSuite('http1', {
  port: 80,
  conversations: [
    [get('/a'), ok('hello'), get('/b'), ok('')],
    [
      get('/a'),
      server('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
    ],
    [client('POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc'), ok('x')],
  ],
})
