/**
 * The world of the fleet's tests: three groups of pods with an agent each, a cluster that knows of
 * them, a Jaeger, and pods for gateways, from which both can be reached.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Agents } from '../kit/agents.ts'
import { Fleet, GROUP_OF, GROUPS, HOPS, PORT_OF } from '../kit/fleet.ts'
import { Flowspan, type FlowspanConfig } from '../kit/flowspan.ts'
import { type Jaeger, startJaeger } from '../kit/jaeger.ts'
import { type Kubernetes, startKubernetes } from '../kit/kubernetes.ts'
import { createNamespace, createNode } from '../kit/kubernetes_objects.ts'
import type { Pod } from '../kit/netns.ts'
import { serveInPod } from '../kit/pod_process.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { relay } from '../kit/relay.ts'
import { createServedWorkload } from '../kit/served_workload.ts'
import { allStarted, type Cleanup, started } from '../kit/starting.ts'

export const NAMESPACE = 'fleet'
const TUNNEL = join(import.meta.dirname, '../kit/apps/tunnel.ts')

export class FleetWorld {
  readonly fleet: Fleet
  readonly agents: Agents
  readonly jaeger: Jaeger
  readonly kubernetes: Kubernetes
  readonly #cleanups: Cleanup[]
  readonly #sockets: string
  #gateways = 0

  /** Starts all but agents and gateways; `cleanups` gets what undoes it, in the order to do it. */
  static async start(cleanups: Cleanup[]): Promise<FleetWorld> {
    const [kubernetes, jaeger, fleet] = await allStarted([
      started(startKubernetes(), { cleanups, stop: (it) => it.stop() }),
      started(startJaeger(), { cleanups, stop: (it) => it.stop() }),
      started(Fleet.start(), { cleanups, stop: (it) => it.close() }),
    ] as const)
    const world = new FleetWorld({ kubernetes, jaeger, fleet }, cleanups)
    await world.#createObjects()
    await world.#leadOut()
    return world
  }

  private constructor(
    parts: { kubernetes: Kubernetes; jaeger: Jaeger; fleet: Fleet },
    cleanups: Cleanup[],
  ) {
    this.kubernetes = parts.kubernetes
    this.jaeger = parts.jaeger
    this.fleet = parts.fleet
    this.#cleanups = cleanups
    this.#sockets = temporaryDirectory('sockets')
    this.agents = new Agents(parts.fleet)
    cleanups.unshift(
      () => this.agents.close(),
      () => removeDirectory(this.#sockets),
    )
  }

  /** A pod from which Jaeger and the API server can be reached as from here. */
  async gatewayPod(): Promise<Pod> {
    this.#gateways += 1
    const pod = this.fleet.network.pod(`gateway-${this.#gateways}`)
    const ports = this.#ports.map((port) => `${port}=${this.#socket(port)}`)
    const command = [process.execPath, TUNNEL, ...ports]
    const tunnel = await serveInPod(pod, { port: this.#ports[0], command })
    this.#cleanups.unshift(() => tunnel.stop())
    return pod
  }

  /** A gateway in its pod; what is not stopped by then is killed in the end. */
  async startGateway(pod: Pod, config: FlowspanConfig): Promise<Flowspan> {
    const gateway = await Flowspan.start(() => config, { pod })
    this.#cleanups.unshift(async () => {
      await gateway.kill()
      gateway.clean()
    })
    return gateway
  }

  /** What a gateway needs to join pods. */
  get k8sAttributes(): object {
    const { kubeconfigPath } = this.kubernetes.flowspan
    return { auth_type: 'kubeConfig', kube_config_path: kubeconfigPath, wait_for_metadata: true }
  }

  get #ports(): readonly [jaeger: number, kubernetes: number] {
    const port = (address: string) => Number(address.split(':').at(-1))
    return [port(this.jaeger.otlpGrpc), port(this.kubernetes.url)]
  }

  #socket(port: number): string {
    return join(this.#sockets, String(port))
  }

  async #leadOut(): Promise<void> {
    for (const port of this.#ports) {
      const server = await relay(this.#socket(port), port)
      this.#cleanups.unshift(async () => {
        server.close()
        await once(server, 'close').catch(() => {})
      })
    }
  }

  async #createObjects(): Promise<void> {
    const { kubernetes, fleet, agents } = this
    await createNamespace(kubernetes, { name: NAMESPACE })
    const nodes = Object.fromEntries(
      GROUPS.map((group) => {
        const { ipv4: address, ipv6 } = agents.hosts[group]
        return [group, { name: `node-${group}`, zone: `zone-${group}`, address, ipv6 }]
      }),
    )
    for (const { name, zone, address, ipv6 } of Object.values(nodes)) {
      await createNode(kubernetes, { name, addresses: [address, ipv6], zone })
    }
    for (const name of HOPS) {
      await createServedWorkload(kubernetes, {
        namespace: NAMESPACE,
        name,
        pod: fleet.pods[name],
        service: fleet.services[name],
        targetPort: PORT_OF[name],
        node: nodes[GROUP_OF[name]] as (typeof nodes)[string],
      })
    }
  }
}
