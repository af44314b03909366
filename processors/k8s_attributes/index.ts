/** Adds what Kubernetes knows: to flows of both their ends, to all else of the resource. */
import {
  type Consumer,
  type Processor,
  processor,
  type Settings,
} from '../../pipeline/component.ts'
import { findAccess } from '../../pipeline/kubernetes/access.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { configSchema, type K8sAttributesConfig, validate } from './config.ts'
import { K8sAttributes } from './k8s_attributes.ts'
import { OtlpK8sAttributes } from './otlp.ts'
import { share } from './shared.ts'

export const k8sAttributes = processor<K8sAttributesConfig>({
  type: 'k8s_attributes',
  aliases: ['k8sattributes'],
  stability: 'development',
  schema: configSchema,
  validate,
  create: { flows: createFlows, traces: createOtlp, metrics: createOtlp, logs: createOtlp },
})

async function createFlows(
  settings: Settings,
  config: K8sAttributesConfig,
  next: Consumer<'flows'>,
): Promise<K8sAttributes> {
  const { logger, ledger } = settings
  const access = await findAccess(config, { env: process.env, logger })
  if (access === undefined) {
    const hint = 'no service account and no kubeconfig; ends are named by their processes'
    logger.info(`Flows are not joined with Kubernetes: ${hint}`)
  }
  const onAddress = (address: Uint8Array) => made.addressKnown(address)
  const mirror = access && share({ settings, config, access, user: 'flows', onAddress })
  const made: K8sAttributes = new K8sAttributes({
    next,
    ledger,
    cluster: mirror?.cluster,
    watch: mirror?.watch,
    connectionsMax: config.connections_max,
    waitForRowMs: config.wait_for_row,
    rowsWaitingMax: config.rows_waiting_max,
    waitForMetadataMs: config.wait_for_metadata ? config.wait_for_metadata_timeout : undefined,
  })
  return made
}

async function createOtlp<S extends OtlpBatch['signal']>(
  settings: Settings,
  config: K8sAttributesConfig,
  next: Consumer<S>,
): Promise<Processor<S>> {
  const { logger, ledger } = settings
  const of = { config, ledger, next: next as Consumer }
  if (config.passthrough) return new OtlpK8sAttributes({ ...of, cluster: undefined })
  const access = await findAccess(config, { env: process.env, logger })
  if (access === undefined) {
    logger.info('Resources get no Kubernetes metadata: no service account and no kubeconfig')
  }
  const cluster = access && share({ settings, config, access, user: 'otlp' })
  return new OtlpK8sAttributes({ ...of, cluster })
}
