/**
 * The whole of the end-to-end test: the shop, the cluster that knows of it, a Jaeger, a Collector,
 * and flowspan between them, run as a user would.
 */
import { join } from 'node:path'
import { Flowspan, type FlowspanConfig } from '../kit/flowspan.ts'
import { type Jaeger, startJaeger } from '../kit/jaeger.ts'
import { type Kubernetes, startKubernetes } from '../kit/kubernetes.ts'
import { type Collector, startCollector } from '../kit/otelcol.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { relay } from '../kit/relay.ts'
import { Shop, type ShopName } from '../kit/shop.ts'
import { createShop } from '../kit/shop_objects.ts'
import { allStarted, type Cleanup, started } from '../kit/starting.ts'

export interface World {
  readonly shop: Shop
  readonly jaeger: Jaeger
  readonly collector: Collector
  readonly flowspan: Flowspan
  readonly podUids: Readonly<Record<ShopName, string>>
  /** A socket in the file system that leads to Jaeger's OTLP port. */
  readonly otlpSocket: string
}

/** Starts everything; `cleanups` gets what undoes it, also when the start fails half-way. */
export async function startWorld(cleanups: Cleanup[]): Promise<World> {
  const [kubernetes, jaeger, collector, shop] = await allStarted([
    started(startKubernetes(), { cleanups, stop: (it) => it.stop() }),
    started(startJaeger(), { cleanups, stop: (it) => it.stop() }),
    started(startCollector(), { cleanups, stop: (it) => it.stop() }),
    started(Shop.start(), { cleanups, stop: (it) => it.close() }),
  ] as const)
  const podUids = await createShop(kubernetes, shop)
  const directory = temporaryDirectory('e2e')
  cleanups.unshift(() => removeDirectory(directory))
  const otlpSocket = join(directory, 'otlp.sock')
  const port = Number(jaeger.otlpGrpc.split(':').at(-1))
  await started(relay(otlpSocket, port), { cleanups, stop: (server) => server.close() })
  const config = configuration({ kubernetes, jaeger, collector })
  const stop = async (it: Flowspan) => {
    await it.kill()
    it.clean()
  }
  const flowspan = await started(
    Flowspan.start(() => config),
    { cleanups, stop },
  )
  return { shop, jaeger, collector, flowspan, podUids, otlpSocket }
}

function configuration(to: {
  kubernetes: Kubernetes
  jaeger: Jaeger
  collector: Collector
}): FlowspanConfig {
  const otlp = (endpoint: string) => ({ endpoint, tls: { insecure: true } })
  return {
    receivers: { ebpf: {} },
    processors: {
      k8s_attributes: {
        auth_type: 'kubeConfig',
        kube_config_path: to.kubernetes.flowspan.kubeconfigPath,
        wait_for_metadata: true,
      },
      stitch: {},
    },
    connectors: { flow_spans: {}, flow_metrics: {} },
    exporters: {
      'otlp/jaeger': otlp(to.jaeger.otlpGrpc),
      'otlp/collector': otlp(to.collector.otlpGrpc),
    },
    service: {
      pipelines: {
        flows: {
          receivers: ['ebpf'],
          processors: ['k8s_attributes', 'stitch'],
          exporters: ['flow_spans', 'flow_metrics'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['otlp/jaeger'] },
        metrics: { receivers: ['flow_metrics'], exporters: ['otlp/collector'] },
      },
    },
  }
}
