/** Adds what Kubernetes knows of both ends of each flow. */
import { type Consumer, processor, type Settings } from '../../pipeline/component.ts'
import { findAccess } from './access.ts'
import type { Access } from './api_client.ts'
import { Cluster } from './cluster.ts'
import { configSchema, type K8sAttributesConfig, nodeOf, validate } from './config.ts'
import { K8sAttributes } from './k8s_attributes.ts'
import { Watch } from './watch.ts'

export const k8sAttributes = processor<K8sAttributesConfig>({
  type: 'k8s_attributes',
  aliases: ['k8sattributes'],
  stability: 'development',
  schema: configSchema,
  validate,
  create: { flows: createFlows },
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
  const made: K8sAttributes = new K8sAttributes({
    next,
    ledger,
    ...(access === undefined
      ? { cluster: undefined, watch: undefined }
      : clusterOf(access, { settings, config, onAddress: (a) => made.addressKnown(a) })),
    connectionsMax: config.connections_max,
    waitForRowMs: config.wait_for_row,
    rowsWaitingMax: config.rows_waiting_max,
    waitForMetadataMs: config.wait_for_metadata ? config.wait_for_metadata_timeout : undefined,
  })
  return made
}

function clusterOf(
  access: Access,
  of: {
    settings: Settings
    config: K8sAttributesConfig
    onAddress: (address: Uint8Array) => void
  },
): { cluster: Cluster; watch: Watch } {
  const { settings, config, onAddress } = of
  const { well_known_labels, deployment_name_from_replicaset } = config.extract
  const cluster = new Cluster({
    podDeleteGraceMs: config.pod_delete_grace_period,
    wellKnownLabels: well_known_labels,
    onAddress,
  })
  const watch = new Watch({
    access,
    cluster,
    logger: settings.logger,
    userAgent: `flowspan/${settings.version}`,
    node: nodeOf(config),
    without: deployment_name_from_replicaset ? ['replicasets'] : [],
  })
  return { cluster, watch }
}
