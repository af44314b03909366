/**
 * Answers /n/ID as numbered.ts says.
 *
 *     numbered_server.ts
 *
 * Prints `listens PORT`.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesOf, delayMsOf, statusOf } from './numbered.ts'

process.title = 'numbered_server'

const server = http.createServer((request, response) => {
  const id = Number(request.url?.slice('/n/'.length))
  const answer = () => {
    const bytes = bytesOf(id)
    response.writeHead(statusOf(id), { 'content-length': bytes }).end('x'.repeat(bytes))
  }
  if (delayMsOf(id) === 0) answer()
  else setTimeout(answer, delayMsOf(id) + 1)
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => {
  console.log(`listens ${(server.address() as AddressInfo).port}`)
})
