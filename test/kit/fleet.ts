/**
 * Three groups of pods as on three hosts, and a chain of services that crosses them back and forth.
 *
 *     client      group a                group b               group c
 *       └────────▶ front (nginx) ───────▶ orders (Python) ┐
 *                  stock (Python) ◀───────────────────────┘
 *                    ├─────────────────────────────────────▶ prices (Python)
 *                    │                    ledger (Node) ◀──────┘
 *                    │                      └─────Redis─────▶ cache (redis-server)
 *                    └─────────────────────────────────────▶ quotes (Node)
 *                                         book (Node) ◀─gRPC───┘
 *                                           └─────Redis─────▶ cache
 *
 * Arrows go to ClusterIPs, through DNAT and masquerade. Nobody passes a traceparent on; what there
 * is of one is the number in the path, in the gRPC method and in the key.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chainConfig } from './apps/nginx.ts'
import { type ClusterIp, Network, type Pod } from './netns.ts'
import { runInPod, serveInPod } from './pod_process.ts'
import { type Program, removeDirectory, temporaryDirectory } from './processes.ts'

export const GROUPS = ['a', 'b', 'c'] as const
export type Group = (typeof GROUPS)[number]

export const HOPS = [
  'front',
  'orders',
  'stock',
  'prices',
  'ledger',
  'quotes',
  'book',
  'cache',
] as const
export type Hop = (typeof HOPS)[number]

export const GROUP_OF: Readonly<Record<Hop, Group>> = {
  front: 'a',
  orders: 'b',
  stock: 'a',
  prices: 'c',
  ledger: 'b',
  quotes: 'c',
  book: 'b',
  cache: 'c',
}

/** Where each listens, in its pod and at its ClusterIP. */
export const PORT_OF: Readonly<Record<Hop, number>> = {
  front: 8080,
  orders: 3000,
  stock: 9000,
  prices: 9000,
  ledger: 3000,
  quotes: 3000,
  book: 50_051,
  cache: 6379,
}

/** Chains `from` to `from + count - 1`, so many begun a second, so many at a time. */
export interface Load {
  readonly from: number
  readonly count: number
  readonly rate: number
  readonly atOnce: number
}

const apps = join(import.meta.dirname, 'apps')

export class Fleet {
  readonly network = new Network()
  /** Where the client runs: in no group. */
  readonly client: Pod = this.network.pod('client')
  readonly pods: Readonly<Record<Hop, Pod>>
  readonly services: Readonly<Record<Hop, ClusterIp>>
  readonly #directory = temporaryDirectory('fleet')
  readonly #servers: Program[] = []

  static async start(): Promise<Fleet> {
    const fleet = new Fleet()
    try {
      await fleet.#startServers()
      return fleet
    } catch (error) {
      await fleet.close()
      throw error
    }
  }

  private constructor() {
    this.pods = each((name) => this.network.pod(name))
    this.services = each((name) => {
      const port = PORT_OF[name]
      return this.network.service(this.pods[name], { port, targetPort: port })
    })
  }

  /** The network namespaces of a group, by inode. */
  namespaces(group: Group): number[] {
    return HOPS.filter((hop) => GROUP_OF[hop] === group).map((hop) => this.pods[hop].inode)
  }

  /** Runs chains to their end; gives the numbers of those that were answered. */
  async run({ from, count, rate, atOnce }: Load): Promise<number[]> {
    const { ipv4, port } = this.services.front
    const args = [`http://${ipv4}:${port}`, from, count, rate, atOnce].map(String)
    const { stdout } = await runInPod(this.client, [
      process.execPath,
      join(apps, 'chains.ts'),
      ...args,
    ])
    return JSON.parse(stdout) as number[]
  }

  /** Ends the services and removes the network. Safe twice. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    this.network.close()
    removeDirectory(this.#directory)
  }

  async #startServers(): Promise<void> {
    const directory = this.#directory
    const config = join(directory, 'nginx.conf')
    writeFileSync(config, chainConfig(directory, PORT_OF.front, this.services.orders))
    const redis = ['--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--dir', directory]
    const commands: Record<Hop, string[]> = {
      front: ['nginx', '-p', directory, '-c', config, '-e', 'stderr'],
      orders: this.#python('orders', 'stock'),
      stock: this.#python('stock', 'prices', 'quotes'),
      prices: this.#python('prices', 'ledger'),
      ledger: this.#node('ledger', 'http-redis', 'cache'),
      quotes: this.#node('quotes', 'http-grpc', 'book'),
      book: this.#node('book', 'grpc-redis', 'cache'),
      cache: ['redis-server', '--port', `${PORT_OF.cache}`, ...redis],
    }
    // The last first: who asks Redis connects when it starts.
    for (const name of HOPS.toReversed()) {
      const server = { port: PORT_OF[name], command: commands[name] }
      this.#servers.push(await serveInPod(this.pods[name], server))
    }
  }

  #node(name: Hop, way: string, next: Hop): string[] {
    const args = [way, name, String(PORT_OF[name]), this.#next(next)]
    return [process.execPath, join(apps, 'hop.ts'), ...args]
  }

  #python(name: Hop, ...next: Hop[]): string[] {
    const args = [name, String(PORT_OF[name]), ...next.map((hop) => this.#next(hop))]
    return ['/usr/bin/python3', join(apps, 'hop.py'), ...args]
  }

  #next(name: Hop): string {
    const { ipv4, port } = this.services[name]
    return `${ipv4}:${port}`
  }
}

function each<T>(make: (name: Hop) => T): Record<Hop, T> {
  return Object.fromEntries(HOPS.map((name) => [name, make(name)])) as Record<Hop, T>
}
