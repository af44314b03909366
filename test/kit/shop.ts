/**
 * The small shop that flowspan is shown and tested with.
 *
 *     client ──▶ frontend (nginx) ──▶ api (Node, one thread) ──▶ storage (Python, a thread each)
 *
 * Each is a pod; each arrow goes to a ClusterIP, through DNAT and masquerade. A request stays in
 * the address family that the client chose.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nginxConfig } from './apps/nginx.ts'
import { type ClusterIp, Network, type Pod } from './netns.ts'
import { serveInPod } from './pod_process.ts'
import { type Program, removeDirectory, temporaryDirectory } from './processes.ts'

export const SHOP = ['frontend', 'api', 'storage'] as const
export type ShopName = (typeof SHOP)[number]

/** Where each listens in its pod; the ClusterIPs are on port 80. */
export const TARGET_PORTS: Readonly<Record<ShopName, number>> = {
  frontend: 8080,
  api: 3000,
  storage: 9000,
}

const apps = join(import.meta.dirname, 'apps')

export class Shop {
  readonly network = new Network()
  /** Where clients run; Kubernetes knows nothing of it. */
  readonly client: Pod = this.network.pod('client')
  readonly pods: Readonly<Record<ShopName, Pod>>
  readonly services: Readonly<Record<ShopName, ClusterIp>>
  readonly #directory = temporaryDirectory('shop')
  readonly #servers: Program[] = []

  static async start(): Promise<Shop> {
    const shop = new Shop()
    try {
      await shop.#startServers()
      return shop
    } catch (error) {
      await shop.close()
      throw error
    }
  }

  private constructor() {
    this.pods = each((name) => this.network.pod(name))
    this.services = each((name) =>
      this.network.service(this.pods[name], { port: 80, targetPort: TARGET_PORTS[name] }),
    )
  }

  /** The frontend's address as a client writes it. */
  url(family: 'ipv4' | 'ipv6', path: string): string {
    const { ipv4, ipv6 } = this.services.frontend
    return family === 'ipv4' ? `http://${ipv4}${path}` : `http://[${ipv6}]${path}`
  }

  /** Ends the servers and removes the network. Safe twice. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    this.network.close()
    removeDirectory(this.#directory)
  }

  async #startServers(): Promise<void> {
    const { api, storage } = this.services
    const config = join(this.#directory, 'nginx.conf')
    writeFileSync(config, nginxConfig(this.#directory, TARGET_PORTS.frontend, api))
    const port = (name: ShopName) => String(TARGET_PORTS[name])
    const commands: Record<ShopName, string[]> = {
      frontend: ['nginx', '-p', this.#directory, '-c', config, '-e', 'stderr'],
      api: [process.execPath, join(apps, 'api.ts'), port('api'), storage.ipv4, storage.ipv6],
      storage: ['/usr/bin/python3', join(apps, 'storage.py'), port('storage')],
    }
    const starts = SHOP.map(async (name) => {
      const server = { port: TARGET_PORTS[name], command: commands[name] }
      this.#servers.push(await serveInPod(this.pods[name], server))
    })
    const failed = (await Promise.allSettled(starts)).find((s) => s.status === 'rejected')
    if (failed) throw failed.reason
  }
}

function each<T>(make: (name: ShopName) => T): Record<ShopName, T> {
  return { frontend: make('frontend'), api: make('api'), storage: make('storage') }
}
