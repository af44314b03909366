/** Node's own HTTP/1, by the bytes that it really sends: interim responses, refusals, upgrades. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { authority } from '../../../kit/certificates.ts'
import { Wire } from '../http2/wire.ts'
import { type Row, Talk } from '../talk.ts'

const HOST = '127.0.0.1'
const WEBSOCKET_ID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

async function listen(t: TestContext, server: net.Server): Promise<number> {
  server.listen(0, HOST)
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** The server behind a wire, one connection of which is read. */
async function wired(t: TestContext, server: net.Server) {
  const wire = new Wire()
  const port = await wire.open(await listen(t, server))
  t.after(() => wire.close())
  const read = async (): Promise<{ rows: Row[]; talk: Talk }> => {
    const talk = new Talk().say(...(await wire.ended()))
    return { rows: talk.end(), talk }
  }
  return { port, read }
}

function short(rows: readonly Row[]): unknown[] {
  return rows.map((row) => [row.method, row.target, row.status, row.desynchronised ?? false])
}

/** Gives leave, or refuses by the path. */
function leaveGiver(): http.Server {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => response.end('thanks'))
  })
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.url === '/refused') response.writeHead(417, { connection: 'close' }).end()
    else {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeContinue()
      request.resume().on('end', () => response.end('thanks'))
    }
  })
  return server
}

test('real requests that wait for leave: given, and refused', async (t) => {
  for (const [path, status, body] of [
    ['/taken', 200, 5000],
    ['/refused', 417, 0],
  ] as const) {
    const { port, read } = await wired(t, leaveGiver())
    const headers = { expect: '100-continue', 'content-length': 5000 }
    const request = http.request({ host: HOST, port, path, method: 'POST', headers, agent: false })
    request.on('continue', () => request.end(Buffer.alloc(5000)))
    request.on('error', () => {})
    request.flushHeaders()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    await once(response, 'end')
    if (status === 417) request.destroy()
    const { rows } = await read()
    assert.deepEqual(short(rows), [['POST', path, status, false]])
    assert.ok(Number(rows[0]?.request_bytes) >= body)
    assert.ok(Number(rows[0]?.request_bytes) < body + 300)
  }
})

test('a real WebSocket is one exchange, and its frames are none', async (t) => {
  const server = http.createServer()
  server.on('upgrade', (request: http.IncomingMessage, socket: net.Socket) => {
    const key = `${request.headers['sec-websocket-key']}${WEBSOCKET_ID}`
    const accept = createHash('sha1').update(key).digest('base64')
    const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade'
    socket.write(`${head}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    // A text, then a farewell.
    socket.once('data', () => socket.end(Buffer.from('810568656c6c6f880203e8', 'hex')))
  })
  const { port, read } = await wired(t, server)
  const socket = new WebSocket(`ws://${HOST}:${port}/chat?token=secret`)
  await once(socket, 'open')
  socket.send('GET /not/a/request HTTP/1.1\r\n\r\n')
  const [message] = (await once(socket, 'message')) as [MessageEvent]
  assert.equal(message.data, 'hello')
  await once(socket, 'close')
  const { rows } = await read()
  assert.deepEqual(short(rows), [['GET', '/chat?token=REDACTED', 101, false]])
})

test('a real tunnel through a proxy shows the name that its TLS asks for', async (t) => {
  const pair = authority(t)?.issue('server')
  if (pair === undefined) return
  const [cert, key] = [readFileSync(pair.cert), readFileSync(pair.key)]
  const secure = tls.createServer({ cert, key }, (socket) => socket.end('hello'))
  const securePort = await listen(t, secure)
  const proxy = http.createServer()
  proxy.on('connect', (_: http.IncomingMessage, near: net.Socket) => {
    const far = net.connect(securePort, HOST, () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n')
      far.pipe(near).pipe(far)
    })
  })
  const { port, read } = await wired(t, proxy)
  const path = 'shop.example:443'
  const request = http.request({ host: HOST, port, method: 'CONNECT', path, agent: false })
  request.end()
  const [, socket] = (await once(request, 'connect')) as [http.IncomingMessage, net.Socket]
  const options = { socket, servername: 'shop.example', rejectUnauthorized: false }
  const inner = tls.connect({ ...options, ALPNProtocols: ['http/1.1'] })
  await once(inner.resume(), 'end')
  inner.end()
  const { rows, talk } = await read()
  assert.deepEqual(short(rows), [['CONNECT', path, 200, false]])
  const { serverName, version, alpn, handshakeUs = Number.NaN } = talk.tls ?? {}
  assert.deepEqual([serverName, version, alpn], ['shop.example', '1.3', 'http/1.1'])
  assert.ok(handshakeUs > 0)
})
