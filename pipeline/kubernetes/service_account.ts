/**
 * Access from inside a pod, by the service account that the kubelet mounts.
 * @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { Logger } from 'pino'
import type { Access } from './api_client.ts'

export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount'
/** As client-go: the kubelet writes a new token long before the old one expires. */
const TOKEN_AGE_MAX_MS = 60_000

export interface ServiceAccountSettings {
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
  /** Where `token` and `ca.crt` are; the kubelet's directory unless a test has its own. */
  readonly directory?: string
}

export function isInCluster(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.KUBERNETES_SERVICE_HOST && env.KUBERNETES_SERVICE_PORT)
}

/** Reads certificate and token; throws when this is no pod or has no service account. */
export function serviceAccountAccess(settings: ServiceAccountSettings): Access {
  const { env, directory = SERVICE_ACCOUNT_DIRECTORY } = settings
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) {
    throw new Error(
      'Cannot use auth_type "serviceAccount" outside a pod: KUBERNETES_SERVICE_HOST is not set',
    )
  }
  const token = rotatingToken(`${directory}/token`, settings.logger)
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ca: read(`${directory}/ca.crt`),
    source: 'service account',
    credentials: async () => ({ headers: { authorization: `Bearer ${await token()}` } }),
  }
}

/** A token in a file that is written anew from time to time. The first read is at once. */
export function rotatingToken(path: string, logger: Logger): () => Promise<string> {
  let token = read(path).trim()
  let readAtMs = performance.now()
  return async () => {
    if (performance.now() - readAtMs < TOKEN_AGE_MAX_MS) return token
    readAtMs = performance.now()
    try {
      token = (await readFile(path, 'utf8')).trim()
    } catch (error) {
      // The process gave its privileges up: a token that only root may read cannot be read again.
      const hint = 'make it readable for the group 65534 (securityContext.fsGroup: 65534)'
      logger.warn({ path, error: (error as Error).message }, `Cannot re-read the token: ${hint}`)
    }
    return token
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`Cannot read the service account: ${(error as Error).message}`)
  }
}
