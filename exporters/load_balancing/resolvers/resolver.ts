/** Finds the backends, at first and whenever they change. */
import type { Logger } from 'pino'

export const RESOLVERS = ['static', 'dns', 'k8s'] as const
export type ResolverName = (typeof RESOLVERS)[number]

export interface Resolver {
  readonly name: ResolverName
  /**
   * Resolves once there was an answer, or it was clear that there will be none for now. A resolver
   * that cannot resolve goes on trying, and what was found before stays.
   */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface ResolverSettings {
  readonly logger: Logger
  /** Told of each answer: `host:port` each, in any order. */
  readonly resolved: (endpoints: readonly string[]) => void
  /** Told of each attempt that gave none. */
  readonly failed: () => void
}

export function hostPort(host: string, port: number | string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}
