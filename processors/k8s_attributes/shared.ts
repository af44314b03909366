/**
 * One mirror of the cluster for all processors of an id: in every pipeline, for flows and for
 * traces, metrics and logs, and for those of a reload that changed nothing of the section.
 */
import type { Settings } from '../../pipeline/component.ts'
import type { Access } from '../../pipeline/kubernetes/api_client.ts'
import { Catalog } from './catalog.ts'
import { Cluster } from './cluster.ts'
import { type K8sAttributesConfig, nodeOf } from './config.ts'
import { Extraction } from './extraction.ts'
import type { ResourceName } from './resources.ts'
import { Watch } from './watch.ts'

export type User = 'flows' | 'otlp'

/** The part of a watch that each user has; the last one's `stop` ends it. */
export type WatchUse = Pick<Watch, 'start' | 'settled' | 'stop' | 'seesPods'>

export interface SharedUse {
  readonly cluster: Cluster
  readonly catalog: Catalog
  readonly watch: WatchUse
}

export interface ShareSettings {
  readonly settings: Settings
  readonly config: K8sAttributesConfig
  readonly access: Access
  readonly user: User
  readonly onAddress?: (address: Uint8Array) => void
}

const mirrors = new Map<string, Mirror>()

/** What is given back with `watch.stop`, safe twice. */
export function share(of: ShareSettings): SharedUse {
  const { settings, config, access, user } = of
  const text = JSON.stringify([settings.id, config, access.server])
  // A watch that began without Services cannot get them any more.
  const known = mirrors.get(text)
  const key = user === 'flows' && known?.isLean === true ? `${text} flows` : text
  let mirror = mirrors.get(key)
  if (mirror === undefined) {
    mirror = new Mirror(of, () => mirrors.delete(key))
    mirrors.set(key, mirror)
  }
  return mirror.use(user, of.onAddress)
}

class Mirror {
  readonly #of: ShareSettings
  readonly #ended: () => void
  readonly #cluster: Cluster
  readonly #catalog: Catalog
  readonly #listeners = new Set<(address: Uint8Array) => void>()
  readonly #users = new Set<object>()
  #hasFlows = false
  #hasOtlp = false
  #watch: Watch | undefined

  constructor(of: ShareSettings, ended: () => void) {
    const { config } = of
    this.#of = of
    this.#ended = ended
    this.#cluster = new Cluster({
      podDeleteGraceMs: config.pod_delete_grace_period,
      wellKnownLabels: config.extract.well_known_labels,
      onAddress: (address) => {
        for (const listener of this.#listeners) listener(address)
      },
    })
    this.#catalog = new Catalog({
      extraction: new Extraction(config.extract),
      cluster: this.#cluster,
      graceMs: config.pod_delete_grace_period,
    })
  }

  /** It runs, and without what only flows need. */
  get isLean(): boolean {
    return this.#watch !== undefined && !this.#hasFlows
  }

  use(user: User, onAddress: ((address: Uint8Array) => void) | undefined): SharedUse {
    const token = {}
    this.#users.add(token)
    if (user === 'flows') this.#hasFlows = true
    else this.#hasOtlp = true
    if (onAddress !== undefined) this.#listeners.add(onAddress)
    const stop = async () => {
      if (onAddress !== undefined) this.#listeners.delete(onAddress)
      if (!this.#users.delete(token) || this.#users.size > 0) return
      this.#ended()
      await this.#watch?.stop()
    }
    const running = () => this.#watch
    const watch: WatchUse = {
      start: () => this.#start(),
      settled: async (timeoutMs) => await running()?.settled(timeoutMs),
      stop,
      get seesPods() {
        return running()?.seesPods ?? true
      },
    }
    return { cluster: this.#cluster, catalog: this.#catalog, watch }
  }

  /** All users of a graph have been created before the first of them starts. */
  #start(): void {
    if (this.#watch !== undefined) return
    const { access, config, settings } = this.#of
    this.#watch = new Watch({
      access,
      cluster: this.#cluster,
      ...(this.#hasOtlp && { catalog: this.#catalog }),
      logger: settings.logger,
      userAgent: `flowspan/${settings.version}`,
      node: nodeOf(config),
      without: this.#without(config),
    })
    this.#watch.start()
  }

  #without(config: K8sAttributesConfig): ResourceName[] {
    const without: ResourceName[] = []
    if (config.extract.deployment_name_from_replicaset) without.push('replicasets')
    if (this.#hasFlows) return without
    without.push('services', 'endpointslices')
    if (!this.#catalog.extraction.wantsNodes) without.push('nodes')
    return without
  }
}
