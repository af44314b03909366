/** Divides traces, metrics, logs and flows among gateways, by keys that stay together. */
import {
  type ExtensionUse,
  exporter,
  type Settings,
  type Signal,
} from '../../pipeline/component.ts'
import { flowsExporter } from '../../pipeline/exporter/flows_exporter.ts'
import { type OtlpExporter, sendingExporter } from '../../pipeline/exporter/sending_exporter.ts'
import { extensionsOfClient } from '../../pipeline/extension_use.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import type { Carried } from './backends.ts'
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
    traces: (settings, config) => create(settings, config, { signal: 'traces' }),
    metrics: (settings, config) => create(settings, config, { signal: 'metrics' }),
    logs: (settings, config) => create(settings, config, { signal: 'logs' }),
    flows: async (settings, config) => {
      const made = await create(settings, config, { signal: 'logs', carries: 'flows' })
      return flowsExporter(made, settings)
    },
  },
})

async function create(
  settings: Settings,
  config: LoadBalancingConfig,
  { signal, carries = signal }: { signal: OtlpBatch['signal']; carries?: Signal },
): Promise<OtlpExporter> {
  const key = keyFor(carries, settings.id, config.routing_key)
  const resolver = await resolverMaker(settings, config)
  const carried = { signal, carries }
  const balancer = new LoadBalancer(settings, config, { ...carried, key, resolver })
  const { sending_queue } = config
  if (sending_queue?.enabled !== true) return balancer
  return queued(balancer, { settings, carried, sending_queue })
}

/** The queue holds batches undivided, so that what is sent later goes to the backends of then. */
function queued(
  balancer: LoadBalancer,
  of: {
    settings: Settings
    carried: Carried
    sending_queue: NonNullable<LoadBalancingConfig['sending_queue']>
  },
): OtlpExporter {
  const { settings, carried, sending_queue } = of
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
  const made = sendingExporter(settings, { ...carried, transport, config })
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
