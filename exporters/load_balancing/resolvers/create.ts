/** The resolver that the configuration names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../../../pipeline/component.ts'
import { findAccess } from '../../../pipeline/kubernetes/access.ts'
import { SERVICE_ACCOUNT_DIRECTORY } from '../../../pipeline/kubernetes/service_account.ts'
import { type LoadBalancingConfig, withPort } from '../config.ts'
import { DnsResolver } from './dns.ts'
import { K8sResolver } from './k8s.ts'
import type { Resolver, ResolverSettings } from './resolver.ts'
import { StaticResolver } from './static.ts'

type Maker = (settings: ResolverSettings) => Resolver

/** Reads what leads to the API server, where that is asked; throws when it cannot. */
export async function resolverMaker(
  { id, logger, version }: Settings,
  { resolver }: LoadBalancingConfig,
): Promise<Maker> {
  const { static: fixed, dns, k8s } = resolver
  if (dns !== undefined) return (settings) => new DnsResolver(dns, settings)
  if (k8s === undefined) {
    const endpoints = (fixed?.hostnames ?? []).map(withPort)
    return (settings) => new StaticResolver(endpoints, settings)
  }
  const access = await findAccess(k8s, { env: process.env, logger })
  if (access === undefined) {
    const found = 'there is no service account and no kubeconfig'
    throw new Error(`exporters::${id}::resolver::k8s: cannot reach a cluster: ${found}`)
  }
  const userAgent = `flowspan/${version}`
  const [service = '', namespace = ownNamespace()] = k8s.service.split('.')
  const place = { service, namespace, ports: k8s.ports, timeoutMs: k8s.timeout }
  return (settings) => new K8sResolver(place, { ...settings, access, userAgent })
}

function ownNamespace(): string {
  try {
    return readFileSync(join(SERVICE_ACCOUNT_DIRECTORY, 'namespace'), 'utf8').trim()
  } catch {
    return 'default'
  }
}
