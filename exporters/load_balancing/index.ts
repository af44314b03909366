/** Divides traces, metrics, logs and flows among gateways, by keys that stay together. */
import {
  type Exporter,
  type ExtensionUse,
  exporter,
  type Settings,
  type Signal,
} from '../../pipeline/component.ts'
import { type OtlpExporter, sendingExporter } from '../../pipeline/exporter/sending_exporter.ts'
import { extensionsOfClient } from '../../pipeline/extension_use.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { type LoadBalancingConfig, schema, validate } from './config.ts'
import { KEYS_OF, type RoutingKey } from './keys.ts'
import { LoadBalancer } from './load_balancing_exporter.ts'
import { resolverMaker } from './resolvers/create.ts'

export const loadBalancing = exporter<LoadBalancingConfig>({
  type: 'load_balancing',
  aliases: ['loadbalancing'],
  stability: 'development',
  schema,
  validate,
  extensions: extensionsOf,
  create: {
    traces: (settings, config) => create(settings, config, 'traces'),
    metrics: (settings, config) => create(settings, config, 'metrics'),
    logs: (settings, config) => create(settings, config, 'logs'),
  },
})

async function create<S extends OtlpBatch['signal']>(
  settings: Settings,
  config: LoadBalancingConfig,
  signal: S,
): Promise<Exporter<S>> {
  const key = keyFor(signal, settings.id, config.routing_key)
  const resolver = await resolverMaker(settings, config)
  const balancer = new LoadBalancer(settings, config, { signal, key, resolver })
  const { sending_queue } = config
  if (sending_queue?.enabled !== true) return balancer
  return queued(balancer, { settings, signal, sending_queue })
}

/** The queue holds batches undivided, so that what is sent later goes to the backends of then. */
function queued(
  balancer: LoadBalancer,
  of: {
    settings: Settings
    signal: OtlpBatch['signal']
    sending_queue: NonNullable<LoadBalancingConfig['sending_queue']>
  },
): OtlpExporter {
  const { settings, signal, sending_queue } = of
  let closing: Promise<void> | undefined
  const transport = {
    start: (host: Parameters<LoadBalancer['start']>[0]) => balancer.start(host),
    send: (batch: OtlpBatch) => balancer.send(batch),
    hurry: () => {},
    close: () => {
      closing ??= balancer.shutdown(AbortSignal.abort())
    },
  }
  const retry_on_failure = { ...NO_RETRY }
  const config = { sending_queue, retry_on_failure, timeout: 0 }
  const made = sendingExporter(settings, { signal, transport, config })
  return {
    ...made,
    shutdown: async (deadline) => {
      await made.shutdown?.(deadline)
      await closing
    },
  }
}

/** Each backend's exporter tries again; when that gives up, nothing is left to try. */
const NO_RETRY = {
  enabled: false,
  initial_interval: 0,
  max_interval: 0,
  max_elapsed_time: 0,
  multiplier: 1,
  randomization_factor: 0,
} as const

function keyFor(signal: Signal, id: string, wanted: RoutingKey | undefined): RoutingKey {
  const keys: readonly RoutingKey[] = KEYS_OF[signal]
  const key = wanted ?? (keys[0] as RoutingKey)
  if (keys.includes(key)) return key
  const allowed = keys.join(', ')
  throw new Error(
    `exporters::${id}::routing_key: must be one of ${allowed} for ${signal}: it is ${key}`,
  )
}

function extensionsOf({ protocol, sending_queue: queue }: LoadBalancingConfig): ExtensionUse[] {
  const inner = extensionsOfClient(protocol.otlp).map(({ path, id }) => ({
    path: ['protocol', 'otlp', ...path],
    id,
  }))
  return queue === undefined ? inner : [...inner, ...extensionsOfClient({ sending_queue: queue })]
}
