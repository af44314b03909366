/** Finds the servers that an instance of a receiver is to join, if they run already. */
import { isDeepStrictEqual } from 'node:util'
import type { Signal } from '../../pipeline/component.ts'
import type { ServiceView } from '../../pipeline/service_view.ts'
import type { OtlpConfig } from './config.ts'
import { Shared, type SharedSettings } from './shared.ts'

/** By service and id of the receiver; several while a reload replaces one by another. */
const running = new WeakMap<ServiceView, Map<string, Shared[]>>()

/** By the configuration, of which the graph gives all instances of a receiver the same object. */
const made = new WeakMap<OtlpConfig, Set<Signal>>()

/** An instance for this signal has been made; it will join when it starts. */
export function announce(config: OtlpConfig, signal: Signal): void {
  const signals = made.get(config) ?? new Set()
  made.set(config, signals.add(signal))
}

/** It has ended, or will never start. */
export function withdraw(config: OtlpConfig, signal: Signal): void {
  made.get(config)?.delete(signal)
}

export function sharedOf(
  service: ServiceView,
  id: string,
  settings: Omit<SharedSettings, 'expected'>,
): Shared {
  const latest = sharedBy(service, id).at(-1)
  if (latest && !latest.isClosing && isDeepStrictEqual(latest.config, settings.config)) {
    return latest
  }
  const shared = new Shared({ ...settings, expected: made.get(settings.config) ?? new Set() })
  sharedBy(service, id).push(shared)
  return shared
}

export function forget(service: ServiceView, id: string, shared: Shared): void {
  const all = sharedBy(service, id)
  const index = all.indexOf(shared)
  if (index >= 0) all.splice(index, 1)
}

/** Whether another generation gets the connections. */
export function isSuperseded(service: ServiceView, id: string, shared: Shared): boolean {
  return sharedBy(service, id).at(-1) !== shared
}

function sharedBy(service: ServiceView, id: string): Shared[] {
  const byId = running.get(service) ?? new Map<string, Shared[]>()
  running.set(service, byId)
  const shared = byId.get(id) ?? []
  byId.set(id, shared)
  return shared
}
