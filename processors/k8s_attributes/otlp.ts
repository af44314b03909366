/** The processor for traces, metrics and logs: each resource gets what is known of its pod. */
import type { Consumer, Processor } from '../../pipeline/component.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { type Outcome, permanent } from '../../pipeline/outcome.ts'
import { associate, type Known, RULES_DEFAULT } from './association.ts'
import type { Catalog } from './catalog.ts'
import type { K8sAttributesConfig } from './config.ts'
import {
  type Attribute,
  attributeOf,
  containerOf,
  placeAttributes,
  podAttributes,
} from './otlp_attributes.ts'
import type { SharedUse } from './shared.ts'
import { splice } from './splice.ts'

type OtlpSignal = OtlpBatch['signal']

export interface OtlpSettings {
  readonly config: K8sAttributesConfig
  readonly next: Consumer<OtlpSignal>
  readonly ledger: Ledger
  /** Undefined without a cluster, and with `passthrough`. */
  readonly cluster: SharedUse | undefined
}

export class OtlpK8sAttributes implements Processor<OtlpSignal> {
  /** The bytes that are passed on are others. */
  readonly mutates = false
  readonly #settings: OtlpSettings
  readonly #rules: Parameters<typeof associate>[0]
  readonly #excluded: readonly RegExp[]

  constructor(settings: OtlpSettings) {
    const { pod_association, exclude } = settings.config
    this.#settings = settings
    this.#rules =
      pod_association.length > 0 ? pod_association.map(({ sources }) => sources) : RULES_DEFAULT
    this.#excluded = exclude.pods.map(({ name }) => new RegExp(name))
  }

  async start(): Promise<void> {
    const { cluster, config } = this.#settings
    cluster?.watch.start()
    if (!config.wait_for_metadata) return
    await cluster?.watch.settled(config.wait_for_metadata_timeout)
  }

  async shutdown(): Promise<void> {
    await this.#settings.cluster?.watch.stop()
  }

  consume(batch: OtlpBatch): Outcome | Promise<Outcome> {
    const { next } = this.#settings
    const bytes = splice(batch.bytes, (known) => this.#attributesFor(known, batch))
    if ('kind' in bytes) return permanent(`malformed request: ${bytes.reason}`)
    return next.consume(bytes === batch.bytes ? batch : { ...batch, bytes })
  }

  #attributesFor(known: Known, { client }: OtlpBatch): readonly Attribute[] {
    const { cluster, config, ledger } = this.#settings
    const catalog = cluster?.catalog
    const found = associate(this.#rules, { known, connection: client?.address, catalog })
    const added: Attribute[] = []
    const add = (attributes: readonly Attribute[]) => {
      // What is there stays; an empty text is as good as nothing.
      for (const attribute of attributes) {
        const is = known.get(attribute.key)
        const isNew = !added.some(({ key }) => key === attribute.key)
        if ((is === undefined || is === '') && isNew) added.push(attribute)
      }
    }
    if (found.connection !== undefined) add([attributeOf('k8s.pod.ip', found.connection)])
    if (catalog === undefined || config.passthrough) return added
    const { pod } = found
    if (pod === undefined) ledger.note(found.asked ? 'miss_pod_unknown' : 'miss_no_source', 1)
    const excluded = pod !== undefined && this.#isExcluded(pod.object.name)
    if (excluded) ledger.note('miss_pod_excluded', 1)
    if (pod !== undefined && !excluded) {
      const name = known.get('k8s.container.name') ?? ''
      const id = known.get('container.id') ?? ''
      add(podAttributes(catalog, pod, containerOf(pod, { name, id })))
    }
    addPlaces(catalog, { known, pod: excluded ? undefined : pod?.object, add })
    return added
  }

  #isExcluded(name: string): boolean {
    return this.#excluded.some((pattern) => pattern.test(name))
  }
}

/** Labels and annotations of namespace and node: the pod's, else those that the resource names. */
function addPlaces(
  catalog: Catalog,
  of: {
    known: Known
    pod: { readonly namespace: string; readonly node: string } | undefined
    add: (attributes: readonly Attribute[]) => void
  },
): void {
  const namespace = catalog.namespace(of.known.get('k8s.namespace.name') || of.pod?.namespace || '')
  if (namespace !== undefined) of.add(placeAttributes(namespace))
  const node = catalog.node(of.known.get('k8s.node.name') || of.pod?.node || '')
  if (node !== undefined) of.add(placeAttributes(node))
}
