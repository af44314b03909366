/**
 * What an authentication extension does for receivers and exporters that name it in `auth:
 * { authenticator: ID }` (Collector config/configauth). One extension may be both.
 */
import type { Extension, Host } from './component.ts'
import { notRunning } from './extension_use.ts'

/** Header names are in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** For receivers: judges the headers of a request, before its body is read. */
export interface ServerAuthenticator {
  /** Undefined when the request may pass, else why not: one line that gives no secret away. */
  authenticate(headers: Headers): string | undefined | Promise<string | undefined>
}

/** For exporters: headers that each request gets. */
export interface ClientAuthenticator {
  /** Asked before every attempt, so that rotated credentials take effect. */
  credentials(): Readonly<Record<string, string>>
}

/** Throws, naming the option `path`, unless the running extension `id` judges requests. */
export function serverAuthenticator(
  host: Host,
  { id, path }: { id: string; path: string },
): ServerAuthenticator {
  const found = extensionOf(host, { id, path }) as Extension & Partial<ServerAuthenticator>
  if (found.authenticate === undefined) {
    throw new Error(`${path}: extension "${id}" cannot authenticate what a receiver gets`)
  }
  return found as ServerAuthenticator
}

/** Throws, naming the option `path`, unless the running extension `id` gives credentials. */
export function clientAuthenticator(
  host: Host,
  { id, path }: { id: string; path: string },
): ClientAuthenticator {
  const found = extensionOf(host, { id, path }) as Extension & Partial<ClientAuthenticator>
  if (found.credentials === undefined) {
    throw new Error(`${path}: extension "${id}" has no credentials for an exporter`)
  }
  return found as ClientAuthenticator
}

function extensionOf(host: Host, { id, path }: { id: string; path: string }): Extension {
  const found = host.extension(id)
  if (found !== undefined) return found
  throw new Error(`${path}: ${notRunning(id)}`)
}
