/** Agents and gateways as docs/GATEWAY.md has them, with shorter windows and retries. */
import type { Exporter } from '../kit/agents.ts'
import type { FlowspanConfig } from '../kit/flowspan.ts'
import type { FleetWorld } from './fleet_world.ts'

/** How long rows wait for the rows of their parents; what fails for longer makes orphans. */
export const WINDOW_MS = 2000
/** Where a chain crosses gateways one after another, on a machine that is busy with all of this. */
const SEVERAL_WINDOW_MS = 4000
const PORTS = { rows: 4317, pairs: 4319 }
const insecure = { tls: { insecure: true } }
const retry = {
  retry_on_failure: { initial_interval: '100ms', max_interval: '500ms', max_elapsed_time: 0 },
}
/** A connection that is cut in the middle is noticed by what is not answered. */
const keepalive = { keepalive: { time: '1s', timeout: '1s' } }
const stored = { storage: 'file_storage', num_consumers: 100 }

/** What an agent sends to one gateway with; its queue on disk, or in memory. */
export function toGateway(endpoint: string, queue: 'stored' | 'in_memory'): Exporter {
  const batch = { flush_timeout: '200ms', min_size: 4000, max_size: 4000 }
  return {
    otlp: {
      endpoint,
      ...insecure,
      timeout: '30s',
      ...keepalive,
      ...retry,
      sending_queue: queue === 'stored' ? { ...stored, batch } : { num_consumers: 100, batch },
    },
  }
}

/** The same to several. */
export function toGateways(hosts: readonly string[]): Exporter {
  return {
    load_balancing: {
      routing_key: 'cause',
      resolver: { static: { hostnames: hosts.map((host) => `${host}:${PORTS.rows}`) } },
      protocol: { otlp: { ...insecure, ...keepalive, ...retry } },
      sending_queue: stored,
    },
  }
}

type Order = (typeof ORDERS)[number]

export const ORDERS = [
  ['stitch', 'k8s_attributes'],
  ['k8s_attributes', 'stitch'],
] as const

export function oneGateway(world: FleetWorld, processors = ORDERS[0] as Order): FlowspanConfig {
  const sending_queue = { wait_for_result: true, batch: { flush_timeout: '200ms' } }
  return {
    receivers: { otlp: grpc(PORTS.rows) },
    processors: {
      k8s_attributes: world.k8sAttributes,
      stitch: { wait: 'always', acknowledge: 'handed_on', window: `${WINDOW_MS}ms` },
    },
    connectors: { flow_spans: {} },
    // Agents are answered when it has delivered: until then their rows are theirs still.
    exporters: { otlp: { endpoint: world.jaeger.otlpGrpc, ...insecure, sending_queue } },
    service: {
      pipelines: {
        flows: {
          receivers: ['otlp'],
          processors,
          exporters: ['flow_spans'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['otlp'] },
      },
    },
  }
}

export function oneOfSeveral(world: FleetWorld, hosts: readonly string[]): FlowspanConfig {
  const stitch = { wait: 'always', window: `${SEVERAL_WINDOW_MS}ms` }
  return {
    receivers: { 'otlp/rows': grpc(PORTS.rows), 'otlp/pairs': grpc(PORTS.pairs) },
    processors: {
      k8s_attributes: world.k8sAttributes,
      stitch: { ...stitch, part: 'pairs' },
      'stitch/causes': { ...stitch, part: 'causes', memory: 'stitch' },
    },
    connectors: { flow_spans: {} },
    exporters: {
      load_balancing: {
        routing_key: 'flow_id',
        resolver: { static: { hostnames: hosts.map((host) => `${host}:${PORTS.pairs}`) } },
        protocol: { otlp: insecure },
      },
      otlp: { endpoint: world.jaeger.otlpGrpc, ...insecure },
    },
    service: {
      pipelines: {
        'flows/rows': {
          receivers: ['otlp/rows'],
          processors: ['stitch/causes'],
          exporters: ['load_balancing'],
        },
        'flows/pairs': {
          receivers: ['otlp/pairs'],
          processors: ['k8s_attributes', 'stitch'],
          exporters: ['flow_spans'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['otlp'] },
      },
    },
  }
}

function grpc(port: number): object {
  // Who pings as often as these agents would be disconnected.
  const keepalive = { enforcement_policy: { min_time: '500ms' } }
  return { protocols: { grpc: { endpoint: `0.0.0.0:${port}`, keepalive } } }
}
