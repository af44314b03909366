/**
 * Asks for files over one HTTP/2 connection, twenty at once.
 *
 *     http2_client.ts http://ADDRESS:PORT COUNT     /0.bin … ; prints lines: path status bytes
 */
import { once } from 'node:events'
import http2 from 'node:http2'

const AT_ONCE = 20

const [, , origin = '', count = '0'] = process.argv
const session = http2.connect(origin)

async function get(path: string): Promise<void> {
  const stream = session.request({ ':path': path })
  let status = 0
  let bytes = 0
  stream.on('response', (headers) => {
    status = Number(headers[':status'])
  })
  stream.on('data', (part: Buffer) => {
    bytes += part.length
  })
  await once(stream, 'end')
  console.log(`${path} ${status} ${bytes}`)
}

let next = 0
async function work(): Promise<void> {
  while (next < Number(count)) await get(`/${next++}.bin?token=x`)
}
await Promise.all(Array.from({ length: AT_ONCE }, work))
session.close()
