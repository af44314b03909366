/**
 * Free ports for programs that take a port number only.
 *
 * A port that the kernel picked and that was closed again can go to anybody in the meantime. So
 * each test process owns whole blocks of ports below the kernel's ephemeral range: it owns a block
 * as long as it listens on the block's first port, and gives away the others, each once.
 */
import { createServer, type Server } from 'node:net'

const FIRST = 16_384
const BLOCK = 32
const BLOCKS = 512
const LOOPBACK = '127.0.0.1'

let current: { readonly first: number; given: number } | undefined
let turn: Promise<unknown> = Promise.resolve()

/** Different ports that nobody listens on at `host` (default 127.0.0.1). */
export function freePorts(count: number, host = LOOPBACK): Promise<number[]> {
  const ports = turn.then(async () => {
    const found: number[] = []
    while (found.length < count) found.push(await nextPort(host))
    return found
  })
  turn = ports.catch(() => undefined)
  return ports
}

/** "host:port", an IPv6 address in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

async function nextPort(host: string): Promise<number> {
  for (;;) {
    if (current === undefined || current.given === BLOCK - 1) {
      current = { first: await takeBlock(), given: 0 }
    }
    current.given += 1
    const port = current.first + current.given
    const server = await listen(port, host)
    if (server === undefined) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

async function takeBlock(): Promise<number> {
  const start = process.pid % BLOCKS
  for (let i = 0; i < BLOCKS; i += 1) {
    const first = FIRST + ((start + i) % BLOCKS) * BLOCK
    const lock = await listen(first, LOOPBACK)
    if (lock === undefined) continue
    lock.unref()
    return first
  }
  throw new Error(`No block of ${BLOCK} free ports from ${FIRST}: other test processes own them`)
}

/** Undefined when the port is taken; throws when the address cannot be used at all. */
function listen(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen({ port, host, exclusive: true }, () => resolve(server))
  })
}
