/** Finds the way to the Kubernetes API that the config asks for, or that there is. */
import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Access } from './api_client.ts'
import { kubeConfigAccess, kubeConfigPaths } from './kube_config.ts'
import { isInCluster, serviceAccountAccess } from './service_account.ts'

/** What an option says of it; all undefined: whatever is there. */
export interface AccessConfig {
  readonly auth_type?: (typeof AUTH_TYPES)[number] | undefined
  readonly kube_config_path?: string | undefined
  readonly context?: string | undefined
}

export const AUTH_TYPES = ['serviceAccount', 'kubeConfig', 'none'] as const

/** Undefined when there is no cluster. Throws when the one that is asked for cannot be used. */
export async function findAccess(
  config: AccessConfig,
  { env, logger }: { env: NodeJS.ProcessEnv; logger: Logger },
): Promise<Access | undefined> {
  const path = config.kube_config_path
  switch (config.auth_type ?? authTypeThere(path, env)) {
    case 'serviceAccount':
      return serviceAccountAccess({ env, logger })
    case 'kubeConfig':
      return await kubeConfigAccess({ path, context: config.context, env, logger })
    case 'none':
      return undefined
  }
}

function authTypeThere(path: string | undefined, env: NodeJS.ProcessEnv) {
  if (path !== undefined) return 'kubeConfig'
  if (isInCluster(env)) return 'serviceAccount'
  return kubeConfigPaths(path, env).some((p) => existsSync(p)) ? 'kubeConfig' : 'none'
}
