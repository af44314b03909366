/**
 * The listening sockets of a service. They belong to it and not to the components that asked for
 * them, so that a reload can replace a component without a moment in which nobody listens.
 *
 *     socket ◀── Stack: receiver of the old graph, receiver of the new one ◀── gets connections
 *
 * Connections go to whoever came last; when it goes, before the other, they go to the other again.
 */
import { lookup } from 'node:dns/promises'
import { rmSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net'
import type { Listening, OnConnection } from './listening.ts'

/** Who listens. */
export interface Asker {
  /** As messages call it. */
  readonly owner: string
  /**
   * The last configuration that it is part of; read whenever somebody else comes, since a reload
   * takes a component over into the next one.
   */
  readonly generation: number
}

interface Taker {
  readonly asker: Asker
  readonly onConnection: OnConnection
}

interface Shared {
  readonly server: Server
  readonly address: string
  readonly takers: Taker[]
}

type Where = { readonly host?: string; readonly port: number } | { readonly path: string }

export class Listeners {
  readonly #shared = new Map<string, Promise<Shared>>()

  /**
   * Within one configuration an address has one taker. Throws when the address is malformed, taken,
   * or not this machine's.
   */
  async listen(endpoint: string, onConnection: OnConnection, asker: Asker): Promise<Listening> {
    const where = await whereIs(endpoint)
    // Whoever wants any free port wants one of its own, and after a reload the same again.
    const isAny = 'port' in where && where.port === 0
    for (let nth = 0; ; nth++) {
      const key = isAny ? `${where.host ?? ''}:0 ${asker.owner} ${nth}` : JSON.stringify(where)
      const shared = await this.#open(key, endpoint, where)
      const rival = shared.takers.find((taker) => taker.asker.generation >= asker.generation)
      if (rival === undefined) {
        const taker = { asker, onConnection }
        shared.takers.push(taker)
        return { address: shared.address, close: () => this.#leave(key, shared, taker) }
      }
      if (isAny) continue
      throw new Error(`cannot listen on ${endpoint}: ${rival.asker.owner} listens there`)
    }
  }

  async #open(key: string, endpoint: string, where: Where): Promise<Shared> {
    for (;;) {
      const promise = this.#shared.get(key) ?? open(where)
      this.#shared.set(key, promise)
      try {
        const shared = await promise
        // The last taker may have left meanwhile, and closed it.
        if (this.#shared.get(key) === promise) return shared
      } catch (error) {
        if (this.#shared.get(key) === promise) this.#shared.delete(key)
        const reason = await this.#reasonOf(error as NodeJS.ErrnoException, where)
        throw new Error(`cannot listen on ${endpoint}: ${reason}`, { cause: error })
      }
    }
  }

  async #leave(key: string, shared: Shared, taker: Taker): Promise<void> {
    const index = shared.takers.indexOf(taker)
    if (index < 0) return
    shared.takers.splice(index, 1)
    if (shared.takers.length > 0) return
    this.#shared.delete(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    // The server's own callback waits for connections too, which are not ours any more.
    shared.server.close()
    setImmediate(resolve)
    await promise
  }

  async #reasonOf(error: NodeJS.ErrnoException, where: Where): Promise<string> {
    if (error.code === 'EADDRNOTAVAIL') return 'this machine does not have the address'
    if (error.code === 'EACCES') return 'the user that flowspan runs as may not listen there'
    if (error.code !== 'EADDRINUSE') return error.message
    const own = 'port' in where ? await this.#takerOfPort(where.port) : undefined
    if (own === undefined) return 'the address is in use'
    return `its port is in use by ${own.owner} on ${own.address}; a reload cannot change between them`
  }

  /** Another address of ours with that port, such as 127.0.0.1 beside 0.0.0.0. */
  async #takerOfPort(port: number): Promise<{ owner: string; address: string } | undefined> {
    const all = await Promise.allSettled(this.#shared.values())
    for (const result of all) {
      if (result.status === 'rejected') continue
      const { address, takers } = result.value
      const owner = takers.at(-1)?.asker.owner
      if (owner !== undefined && address.endsWith(`:${port}`)) return { owner, address }
    }
    return undefined
  }
}

/** A host's name and its address are one place to listen on. */
async function whereIs(endpoint: string): Promise<Where> {
  const where = parseListenEndpoint(endpoint)
  if ('path' in where || where.host === undefined) return where
  try {
    const { address } = await lookup(where.host)
    return { host: address, port: where.port }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new Error(`cannot listen on ${endpoint}: unknown host "${where.host}" (${reason})`)
  }
}

async function open(where: Where): Promise<Shared> {
  const takers: Taker[] = []
  const server = createServer({ pauseOnConnect: false, noDelay: true }, (socket) => {
    const taker = takers.at(-1)
    if (taker === undefined) socket.destroy()
    else taker.onConnection(socket)
  })
  if ('path' in where) await removeStale(where.path)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(where, resolve)
  await promise
  // What can fail later is one accept, for want of file descriptors: the next one may succeed.
  server.on('error', () => {})
  return { server, takers, address: addressOf(server) }
}

/** The `host:port`, `[v6]:port`, `:port` or `unix:///path` of an endpoint to listen on. */
export function parseListenEndpoint(endpoint: string): Where {
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

function addressOf(server: Server): string {
  const address = server.address() as AddressInfo | string
  if (typeof address === 'string') return address
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `${host}:${address.port}`
}
