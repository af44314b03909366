import { receiver } from '../../pipeline/component.ts'
import { type EbpfConfig, fixed, schema, validate } from './config.ts'
import { type KernelConfig, openKernel, probeKernel } from './keeper.ts'
import { EbpfReceiver } from './receiver.ts'
import { withRecording } from './recording.ts'
import type { SelectionConfig } from './selectors.ts'

/** Reads TCP connections, and the requests on them, from the kernel. */
export const ebpf = receiver<EbpfConfig>({
  type: 'ebpf',
  stability: 'development',
  schema,
  validate,
  fixed,
  async open(config, settings) {
    return await withRecording(config.record.path, async () => {
      const kept = await openKernel(kernelConfig(config), settings)
      return { ...kept, reconfigure: (wanted) => kept.select(selectionOf(wanted as EbpfConfig)) }
    })
  },
  // What is off by default is probed, too: the question is what this kernel can do.
  probe: async () => probeKernel(kernelConfig(schema.parse({ episodes: { enabled: true } }))),
  create: {
    flows: (settings, config, next) => new EbpfReceiver(settings, config, next),
  },
})

function eyesConfig({ episodes }: EbpfConfig): KernelConfig['eyes'] {
  if (!episodes.enabled) return undefined
  return { delayMs: episodes.delay, jitterMs: episodes.jitter }
}

/** What the privileged half needs to know of the options. */
export function kernelConfig(config: EbpfConfig): KernelConfig {
  return {
    requests: config.requests.enabled,
    drops: config.connections.drops,
    eyes: eyesConfig(config),
    interimMs: config.connections.interval,
    connRingBytes: config.conn_ring_bytes,
    payloadRingBytes: config.payload_ring_bytes,
    captureSmallBytes: config.requests.capture_small_bytes,
    captureMaxBytes: config.requests.capture_max_bytes,
    udp: {
      enabled: config.udp.enabled,
      idleMs: config.udp.idle_timeout,
      flowsMax: config.udp.flows_max,
      dnsPorts: config.requests.dns_ports,
    },
    selection: selectionOf(config),
  }
}

function selectionOf({ include, exclude }: EbpfConfig): SelectionConfig {
  return { include, exclude }
}
