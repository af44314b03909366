/** The components of all pipelines, with their books. */
import type { Logger } from 'pino'
import type { Component, Host, Kind, Signal } from '../component.ts'
import type { Ledger } from '../ledger.ts'

/** One component instance. */
export interface Node {
  readonly kind: Kind
  readonly id: string
  /** What it takes; for a receiver what it gives. An extension has none. */
  readonly signal?: Signal
  /** What a connector makes. */
  readonly to?: Signal
  /** The pipeline of a processor; other components are shared by pipelines. */
  readonly pipeline?: string
  readonly component: Component
  readonly ledger: Ledger
  readonly logger: Logger
}

export class Graph {
  /** Each node stands after everything that it gives data to; receivers are the last. */
  readonly nodes: readonly Node[]

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes
  }

  /** Starts exporters before what feeds them. Throws at the first that cannot start. */
  async start(host: Host): Promise<void> {
    for (const { component, kind, id } of this.nodes) {
      try {
        await component.start?.(host)
      } catch (error) {
        throw new Error(`failed to start "${id}" ${kind}: ${messageOf(error)}`, { cause: error })
      }
    }
  }

  /** Receivers first, exporters last. Never throws: what went wrong is given back. */
  async shutdown(deadline: AbortSignal): Promise<Error[]> {
    return await shutdownAll(this.nodes.toReversed(), deadline)
  }
}

/** Ends components one after another; one that fails, or is too slow, does not stop the others. */
export async function shutdownAll(nodes: readonly Node[], deadline: AbortSignal): Promise<Error[]> {
  const errors: Error[] = []
  for (const { component, kind, id } of nodes) {
    try {
      const ended = component.shutdown?.(deadline)
      if (ended !== undefined) await before(deadline, ended)
    } catch (error) {
      const message = `failed to shut down "${id}" ${kind}: ${messageOf(error)}`
      errors.push(new Error(message, { cause: error }))
    }
  }
  return errors
}

async function before(deadline: AbortSignal, ended: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const expire = () => reject(new Error('the shutdown deadline has passed'))
  if (deadline.aborted) {
    // Past the deadline each still gets the chance to end without waiting for anything.
    setImmediate(expire)
  } else deadline.addEventListener('abort', expire, { once: true })
  try {
    await Promise.race([ended, late])
  } finally {
    deadline.removeEventListener('abort', expire)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
