/**
 * A flowspan for each group of a fleet, as on hosts of their own: each sees the pods of its group
 * alone, sends rows from a pod that stands for its host, and has a clock of its own.
 */
import { chmodSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { type Fleet, GROUPS, type Group } from './fleet.ts'
import { type Balance, Flowspan, killAtOnce } from './flowspan.ts'
import type { Pod } from './netns.ts'
import { removeDirectory, temporaryDirectory } from './processes.ts'

/** By how much each host's clock is wrong: up to a second apart. */
const CLOCK_OF: Readonly<Record<Group, string>> = { a: '+0.6s', b: '-0.4s', c: '+0.1s' }

/** Debian's `faketime`, for any architecture. */
const [FAKETIME] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')

export function missingForAgents(): string | undefined {
  if (FAKETIME !== undefined) return undefined
  return 'Cannot set clocks apart as libfaketime is missing: run apt-get install faketime'
}

/** What an agent sends with. */
export type Exporter = Record<string, object>

export class Agents {
  /** What stands for the hosts of the groups. */
  readonly hosts: Readonly<Record<Group, Pod>>
  /** What agents that were stopped have warned of. */
  readonly warnings: string[] = []
  readonly #fleet: Fleet
  readonly #storage = temporaryDirectory('agents')
  readonly #running = new Map<Group, Flowspan>()
  #exporter: (group: Group) => Exporter = () => ({})

  constructor(fleet: Fleet) {
    this.#fleet = fleet
    chmodSync(this.#storage, 0o777)
    const host = (group: Group) => fleet.network.pod(`host-${group}`)
    this.hosts = { a: host('a'), b: host('b'), c: host('c') }
  }

  /** Starts all; `exporter` is what each sends with. */
  async start(exporter: (group: Group) => Exporter): Promise<void> {
    this.#exporter = exporter
    await Promise.all(GROUPS.map((group) => this.startOne(group)))
  }

  /** Starts one, after `stopOne` or `killOne` with what its queue holds. */
  async startOne(group: Group): Promise<void> {
    const env = {
      ...process.env,
      LD_PRELOAD: FAKETIME,
      FAKETIME: CLOCK_OF[group],
      // The kernel stamps its records with the monotonic clock, of which there is one here.
      DONT_FAKE_MONOTONIC: '1',
    }
    const config = () => this.#config(group)
    this.#running.set(group, await Flowspan.start(config, { pod: this.hosts[group], env }))
  }

  /** Has all send with another exporter, without a restart: they go on seeing what they see. */
  async reload(exporter: Exporter): Promise<void> {
    this.#exporter = () => exporter
    for (const [group, agent] of this.#running) {
      const isInForce = await agent.reload(() => this.#config(group))
      if (!isInForce) throw new Error(`The agent of ${group} was not reloaded:\n${agent.text()}`)
    }
  }

  async stopOne(group: Group): Promise<Balance> {
    const agent = this.#running.get(group) as Flowspan
    const balance = await agent.stop()
    const warnings = agent.log.filter(({ level }) => level === 'warn' || level === 'error')
    this.warnings.push(...warnings.map((line) => `${group}: ${JSON.stringify(line)}`))
    agent.clean()
    this.#running.delete(group)
    return balance
  }

  /** At once, with all that it held: its pipeline does not see that its keeper is gone. */
  async killOne(group: Group): Promise<void> {
    const agent = this.#running.get(group)
    if (agent !== undefined) await killAtOnce(agent)
    agent?.clean()
    this.#running.delete(group)
  }

  async stop(): Promise<Balance[]> {
    return Promise.all([...this.#running.keys()].map((group) => this.stopOne(group)))
  }

  /** Ends all that still run. Safe twice. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#running.values()].map(async (agent) => {
        await agent.kill()
        agent.clean()
      }),
    )
    removeDirectory(this.#storage)
  }

  #config(group: Group) {
    const exporters = this.#exporter(group)
    const name = `node-${group}`
    const directory = join(this.#storage, group)
    return {
      receivers: {
        ebpf: {
          include: { netns: this.#fleet.namespaces(group) },
          host: { id: `id-${group}`, name, node: name },
          requests: { query: 'keep' },
        },
      },
      extensions: { file_storage: { directory, create_directory: true } },
      exporters,
      service: {
        extensions: ['file_storage'],
        pipelines: { flows: { receivers: ['ebpf'], exporters: Object.keys(exporters) } },
      },
    }
  }
}
