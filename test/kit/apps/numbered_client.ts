/**
 * A client that gives every request a number, and remembers all of each.
 *
 *     numbered_client.ts PORT LOG KEPT PAUSE_MS
 *
 * KEPT connections carry one request after the other, often two or three written at once; two more
 * tasks make a connection for each request. On SIGUSR2 it finishes what it has begun, writes its
 * log (numbered.ts) and prints `done N`.
 */
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Asked, Made } from './numbered.ts'

process.title = 'numbered_client'

const FRESH = 2
const AT_ONCE_MAX = 3
const HEAD_END = Buffer.from('\r\n\r\n')

const [port, log, kept, pauseMs] = process.argv.slice(2) as [string, string, string, string]
const asked: Asked[] = []
const made: Made[] = []
let last = 0
let isOver = false
process.on('SIGUSR2', () => {
  isOver = true
})

await Promise.all([
  ...Array.from({ length: Number(kept) }, () => converse(Number.POSITIVE_INFINITY)),
  ...Array.from({ length: FRESH }, makeFresh),
])
writeFileSync(log, JSON.stringify({ asked, made }))
console.log(`done ${asked.length}`)

async function makeFresh(): Promise<void> {
  while (!isOver) {
    await converse(1)
    await sleep(Number(pauseMs))
  }
}

/** A connection, until it has carried so many requests or all is over. */
async function converse(requestsMax: number): Promise<void> {
  const socket = connect(Number(port), '127.0.0.1').setNoDelay()
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>()
  socket.once('connect', resolve).on('error', reject)
  await opened
  const local = socket.localPort as number
  const read = reader(socket)
  let requests = 0
  for (let turn = 1; !isOver && requests < requestsMax; turn++) {
    const atOnce = Math.min(requestsMax - requests, (turn % AT_ONCE_MAX) + 1)
    const ids = Array.from({ length: atOnce }, () => ++last)
    const texts = ids.map((id) => `GET /n/${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const startMs = Date.now()
    socket.write(texts.join(''))
    for (const [index, id] of ids.entries()) {
      const responseBytes = await read()
      const requestBytes = (texts[index] as string).length
      asked.push({ id, port: local, requestBytes, responseBytes, startMs, endMs: Date.now() })
    }
    requests += atOnce
    if (requestsMax > 1) await sleep(Number(pauseMs))
  }
  const { bytesWritten: bytesSent, bytesRead: bytesReceived } = socket
  made.push({ port: local, requests, bytesSent, bytesReceived })
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  socket.once('close', close).end()
  socket.resume()
  await closed
}

/** Gives a function that reads one response more, and gives its length. */
function reader(socket: Socket): () => Promise<number> {
  let bytes = Buffer.alloc(0)
  let wake = () => {}
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  return async () => {
    for (;;) {
      const head = bytes.indexOf(HEAD_END)
      if (head >= 0) {
        const text = bytes.subarray(0, head).toString()
        const body = Number(/content-length: (\d+)/i.exec(text)?.[1])
        const length = head + HEAD_END.length + body
        if (Number.isNaN(body)) throw new Error(`No length: ${text}`)
        if (bytes.length >= length) {
          bytes = bytes.subarray(length)
          return length
        }
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}
