/** The components of all pipelines, and what stands behind each. */
import type { Consumer, Host } from '../component.ts'
import type { Accounts } from './accounts.ts'
import { FanOut } from './fanout.ts'
import { oneByOne, shutdownLevels, startNode } from './lifecycle.ts'
import type { Node } from './node.ts'

export class Graph {
  /** Each node stands after everything that it gives data to; receivers are the last. */
  readonly nodes: readonly Node[]
  readonly #edges: ReadonlyMap<Node, Consumer>

  /** @param edges where each node that gives data gives it */
  constructor(nodes: readonly Node[], edges: ReadonlyMap<Node, Consumer>) {
    this.nodes = nodes
    this.#edges = edges
  }

  /**
   * Points every outlet along this graph's edges: those of nodes that stood in another graph
   * before lead there until then.
   */
  connect(): void {
    for (const [{ outlet }, next] of this.#edges) outlet?.pointTo(next)
  }

  /** Starts exporters before what feeds them. Throws at the first that cannot start. */
  async start(host: Host): Promise<void> {
    for (const node of this.nodes) await startNode(node, host)
  }

  /** Receivers first, exporters last. Never throws: what went wrong is given back. */
  async shutdown(timeoutMs: number): Promise<Error[]> {
    return await shutdownLevels(this.levels(), timeoutMs)
  }

  /** The nodes in the order of their end: one gives data to such of later levels alone. */
  levels(): Node[][] {
    const levelOf = new Map<Node, number>()
    const byInlet = new Map(this.nodes.map((node) => [node.inlet as Consumer | undefined, node]))
    for (const node of this.nodes.toReversed()) {
      const level = levelOf.get(node) ?? 0
      levelOf.set(node, level)
      const next = this.#edges.get(node)
      for (const inlet of next instanceof FanOut ? next.takers : [next]) {
        const taker = inlet && byInlet.get(inlet)
        if (taker) levelOf.set(taker, Math.max(levelOf.get(taker) ?? 0, level + 1))
      }
    }
    const levels: Node[][] = []
    for (const node of this.nodes.toReversed()) {
      const level = levelOf.get(node) as number
      levels[level] ??= []
      levels[level].push(node)
    }
    return levels
  }
}

/** Ends nodes that were made for nothing, in the reverse of the order of their making. */
export async function abandon(
  nodes: readonly Node[],
  { timeoutMs, accounts }: { timeoutMs: number; accounts: Accounts },
): Promise<void> {
  await shutdownLevels(oneByOne(nodes.toReversed()), timeoutMs)
  for (const node of nodes) accounts.leave(node, node.component)
}
