/** The one table that names every component. Importing it has no side effect. */
import { flowMetrics } from './connectors/flow_metrics/index.ts'
import { flowSpans } from './connectors/flow_spans/index.ts'
import { debug } from './exporters/debug/index.ts'
import { file } from './exporters/file/index.ts'
import { loadBalancing } from './exporters/load_balancing/index.ts'
import { nopExporter } from './exporters/nop/index.ts'
import { otlp } from './exporters/otlp/index.ts'
import { otlpHttp } from './exporters/otlp_http/index.ts'
import { basicAuth } from './extensions/basicauth/index.ts'
import { bearerTokenAuth } from './extensions/bearertokenauth/index.ts'
import { fileStorage } from './extensions/file_storage/index.ts'
import { healthCheck } from './extensions/health_check/index.ts'
import { zpages } from './extensions/zpages/index.ts'
import type { Factory } from './pipeline/component.ts'
import { batch } from './processors/batch/index.ts'
import { k8sAttributes } from './processors/k8s_attributes/index.ts'
import { memoryLimiter } from './processors/memory_limiter/index.ts'
import { probabilisticSampler } from './processors/probabilistic_sampler/index.ts'
import { stitch } from './processors/stitch/index.ts'
import { ebpf } from './receivers/ebpf/index.ts'
import { nopReceiver } from './receivers/nop/index.ts'
import { otlpReceiver } from './receivers/otlp/index.ts'
import { pcap } from './receivers/pcap/index.ts'
import { replay } from './receivers/replay/index.ts'

export const COMPONENTS: readonly Factory[] = [
  // receivers
  ebpf,
  nopReceiver,
  otlpReceiver,
  pcap,
  replay,
  // processors
  batch,
  k8sAttributes,
  memoryLimiter,
  probabilisticSampler,
  stitch,
  // connectors
  flowMetrics,
  flowSpans,
  // exporters
  debug,
  file,
  loadBalancing,
  nopExporter,
  otlp,
  otlpHttp,
  // extensions
  basicAuth,
  bearerTokenAuth,
  fileStorage,
  healthCheck,
  zpages,
]
