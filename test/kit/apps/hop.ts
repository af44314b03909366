/**
 * Services of a chain in an event loop: each asks the next for each request, over connections that
 * it keeps, and passes the number in the path on.
 *
 *     hop.ts http-redis NAME PORT NEXT_HOST:PORT    /kept/7 asks for the key chain:7
 *     hop.ts http-grpc NAME PORT NEXT_HOST:PORT     /grpc/7 calls chain.Book/Get7
 *     hop.ts grpc-redis NAME PORT NEXT_HOST:PORT    chain.Book/Get7 asks for the key chain:7
 */
import http from 'node:http'
import { connect } from 'node:net'
import grpc from '@grpc/grpc-js'

/** Methods have the number in their name: nothing else of a call is seen on the wire. */
const METHODS = 20_000

const [way, name, port, next] = process.argv.slice(2) as [string, string, string, string]
process.title = name
const [nextHost, nextPort] = next.split(':') as [string, string]

type Answer = (error: Error | undefined, body?: string) => void
const bytes = (value: Buffer) => value

function grpcAsker(): (path: string, answer: Answer) => void {
  const client = new grpc.Client(next, grpc.credentials.createInsecure())
  return (path, answer) => {
    const method = `/chain.Book/Get${path.split('/')[2]}`
    client.makeUnaryRequest(method, bytes, bytes, Buffer.from('?'), (error, value) =>
      answer(error ?? undefined, value?.toString()),
    )
  }
}

function redisAsker(): (path: string, answer: Answer) => void {
  const socket = connect({ host: nextHost, port: Number(nextPort), noDelay: true })
  const waiting: Answer[] = []
  let rest = ''
  socket.on('data', (data) => {
    // Every key is missing: `$-1`.
    const replies = (rest + data).split('\r\n')
    rest = replies.pop() as string
    for (const reply of replies) waiting.shift()?.(undefined, reply)
  })
  socket.on('error', (error) => {
    throw error
  })
  return (path, answer) => {
    const key = `chain:${/\d+$/.exec(path)?.[0]}`
    waiting.push(answer)
    socket.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`)
  }
}

function serveHttp(ask: (path: string, answer: Answer) => void): void {
  const server = http.createServer((request, response) => {
    ask(request.url ?? '', (error, body) => {
      if (error) response.writeHead(502).end(`${error.message}\n`)
      else response.end(body)
    })
  })
  // A connection that the server closes while a request is under way would fail the chain.
  server.keepAliveTimeout = 600_000
  server.listen(Number(port), '0.0.0.0')
}

function serveGrpc(ask: (path: string, answer: Answer) => void): void {
  const server = new grpc.Server()
  for (let number = 0; number < METHODS; number++) {
    const method = `/chain.Book/Get${number}`
    const call = (_: unknown, done: grpc.sendUnaryData<Buffer>) =>
      ask(method, (error, body) => done(error ?? null, Buffer.from(body ?? '')))
    server.register(method, call, bytes, bytes, 'unary')
  }
  server.bindAsync(`0.0.0.0:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error
  })
}

if (way === 'http-redis') serveHttp(redisAsker())
else if (way === 'http-grpc') serveHttp(grpcAsker())
else serveGrpc(redisAsker())
