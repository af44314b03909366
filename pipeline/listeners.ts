/**
 * The listening sockets of a service. They belong to it and not to the components that asked for
 * them, so that a reload can replace a component without a moment in which nobody listens.
 *
 *     socket ◀── Stack: receiver of the old graph, receiver of the new one ◀── gets connections
 *
 * Connections go to whoever came last; when it goes, before the other, they go to the other again.
 */
import { rmSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net'
import type { Listening, OnConnection } from './listening.ts'

interface Taker {
  readonly owner: string
  readonly generation: number
  readonly onConnection: OnConnection
}

interface Shared {
  readonly server: Server
  readonly address: string
  readonly takers: Taker[]
}

export class Listeners {
  readonly #shared = new Map<string, Promise<Shared>>()

  /**
   * @param asker whose component it is, and of which graph: within one graph an address has one
   *   taker. Throws when the address is malformed, taken, or not this machine's.
   */
  async listen(
    endpoint: string,
    onConnection: OnConnection,
    asker: { owner: string; generation: number },
  ): Promise<Listening> {
    const known = this.#shared.get(endpoint)
    const promise = known ?? open(endpoint)
    this.#shared.set(endpoint, promise)
    let shared: Shared
    try {
      shared = await promise
    } catch (error) {
      if (this.#shared.get(endpoint) === promise) this.#shared.delete(endpoint)
      throw error
    }
    const rival = shared.takers.find((taker) => taker.generation === asker.generation)
    if (rival !== undefined) {
      throw new Error(`cannot listen on ${endpoint}: ${rival.owner} listens there`)
    }
    const taker = { ...asker, onConnection }
    shared.takers.push(taker)
    return { address: shared.address, close: () => this.#leave(endpoint, shared, taker) }
  }

  async #leave(endpoint: string, shared: Shared, taker: Taker): Promise<void> {
    const index = shared.takers.indexOf(taker)
    if (index < 0) return
    shared.takers.splice(index, 1)
    if (shared.takers.length > 0) return
    this.#shared.delete(endpoint)
    const { promise, resolve } = Promise.withResolvers<void>()
    // The server's own callback waits for connections too, which are not ours any more.
    shared.server.close()
    setImmediate(resolve)
    await promise
  }
}

async function open(endpoint: string): Promise<Shared> {
  const takers: Taker[] = []
  const server = createServer({ pauseOnConnect: false, noDelay: true }, (socket) => {
    const taker = takers.at(-1)
    if (taker === undefined) socket.destroy()
    else taker.onConnection(socket)
  })
  const where = parseListenEndpoint(endpoint)
  if ('path' in where) await removeStale(where.path)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(where, resolve)
  try {
    await promise
  } catch (error) {
    throw new Error(`cannot listen on ${endpoint}: ${reasonOf(error as NodeJS.ErrnoException)}`)
  }
  // What can fail later is one accept, for want of file descriptors: the next one may succeed.
  server.on('error', () => {})
  return { server, takers, address: addressOf(server) }
}

/** The `host:port`, `[v6]:port`, `:port` or `unix:///path` of an endpoint to listen on. */
export function parseListenEndpoint(
  endpoint: string,
): { readonly host?: string; readonly port: number } | { readonly path: string } {
  const unix = /^unix:(?:\/\/)?(\/.+)$/.exec(endpoint)
  if (unix !== null) return { path: unix[1] as string }
  const parts = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(endpoint)
  const port = Number(parts?.[3])
  if (parts === null || port > 65_535) {
    throw new Error(`invalid endpoint "${endpoint}": write host:port or unix:///path`)
  }
  const host = parts[1] ?? parts[2] ?? ''
  return host === '' ? { port } : { host, port }
}

/** A socket file that nobody listens on any more is what a killed process left. */
async function removeStale(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createConnection({ path })
  probe.once('connect', () => resolve(false))
  probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  const isStale = await promise
  probe.destroy()
  if (isStale) rmSync(path, { force: true })
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'the address is in use'
  if (error.code === 'EADDRNOTAVAIL') return 'this machine does not have the address'
  if (error.code === 'EACCES') return 'the user that flowspan runs as may not listen there'
  return error.message
}

function addressOf(server: Server): string {
  const address = server.address() as AddressInfo | string
  if (typeof address === 'string') return address
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `${host}:${address.port}`
}
