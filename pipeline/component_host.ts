/** What one component sees of the service: the contract's `Host`, bound to that component. */
import type { Extension, Host } from './component.ts'
import type { Node } from './graph/node.ts'
import { nameOf } from './graph/node.ts'
import type { Listeners } from './listeners.ts'
import type { OnConnection } from './listening.ts'
import type { ServiceView } from './service_view.ts'
import type { Report } from './status.ts'

export interface HostSettings {
  /** The running extension with this id, as the component's own configuration has it. */
  readonly extension: (id: string) => Extension | undefined
  readonly fatal: (error: Error) => void
  readonly finished: () => void
  /** The number of the last configuration that the component is part of. */
  readonly generation: () => number
  readonly listeners: Listeners
  readonly service: ServiceView
}

export function hostOf(node: Node, settings: HostSettings): Host {
  const owner = nameOf(node)
  const asker = {
    owner,
    get generation() {
      return settings.generation()
    },
  }
  return {
    extension(id) {
      const found = settings.extension(id)
      node.asked.set(id, found)
      return found
    },
    fatal(error) {
      node.status.change({ status: 'fatal_error', reason: error.message })
      settings.fatal(error)
    },
    finished: settings.finished,
    report(report: Report) {
      node.status.change(report)
    },
    listen: (endpoint: string, onConnection: OnConnection) =>
      settings.listeners.listen(endpoint, onConnection, asker),
    service: settings.service,
  }
}
