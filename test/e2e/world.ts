/**
 * The whole of the end-to-end test: the shop, the cluster that knows of it, a Jaeger, a Collector,
 * and flowspan between them, run as a user would.
 */
import type { Server } from 'node:net'
import { join } from 'node:path'
import { Flowspan, type FlowspanConfig } from '../kit/flowspan.ts'
import { type Jaeger, startJaeger } from '../kit/jaeger.ts'
import { type Kubernetes, startKubernetes } from '../kit/kubernetes.ts'
import { type Collector, startCollector } from '../kit/otelcol.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { relay } from '../kit/relay.ts'
import { Shop, type ShopName } from '../kit/shop.ts'
import { createShop } from '../kit/shop_objects.ts'

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
export async function startWorld(cleanups: (() => unknown)[]): Promise<World> {
  const started = async <T>(starting: Promise<T>, stop: (it: T) => unknown): Promise<T> => {
    const it = await starting
    cleanups.unshift(() => stop(it))
    return it
  }
  const starts = [
    started(startKubernetes(), (it) => it.stop()),
    started(startJaeger(), (it) => it.stop()),
    started(startCollector(), (it) => it.stop()),
    started(Shop.start(), (it) => it.close()),
  ] as const
  // All of them, so that none is still starting when another's failure ends the test.
  await Promise.allSettled(starts)
  const [kubernetes, jaeger, collector, shop] = await Promise.all(starts)
  const podUids = await createShop(kubernetes, shop)
  const directory = temporaryDirectory('e2e')
  cleanups.unshift(() => removeDirectory(directory))
  const otlpSocket = join(directory, 'otlp.sock')
  const port = Number(jaeger.otlpGrpc.split(':').at(-1))
  await started(relay(otlpSocket, port), (server: Server) => server.close())
  const config = configuration({ kubernetes, jaeger, collector })
  const flowspan = await started(
    Flowspan.start(() => config),
    async (it) => {
      await it.kill()
      it.clean()
    },
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
