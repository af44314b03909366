/** Starting and ending components, in order and in time. */
import type { Host } from '../component.ts'
import { messageOf, type Node, nameOf } from './node.ts'

/** Of a component's time, what it may use before its deadline; the rest is for counting losses. */
const USABLE = 0.8
/** What a level of extensions may take, against 1 of the pipelines': they only close things. */
const EXTENSION_WEIGHT = 0.1
/** Past the deadline each still gets the chance to end without waiting for anything. */
const LEAST_MS = 20

/** Throws, naming the component, when it cannot. */
export async function startNode(node: Node, host: Host): Promise<void> {
  node.status.change({ status: 'starting' })
  try {
    await node.component.start?.(host)
  } catch (error) {
    const reason = messageOf(error)
    node.status.change({ status: 'permanent_error', reason })
    throw new Error(`failed to start ${nameOf(node)}: ${reason}`, { cause: error })
  }
  node.status.started()
}

/**
 * Ends components, level after level; those of one level at once, as none gives data to another.
 * A level may take its part of the time that is left for it and those behind it: what the quick
 * ones at the front do not use is there for the exporters, and extensions leave nearly all to
 * them. Never throws: one that fails, or is too slow, does not stop the others, and is told of in
 * the answer.
 */
export async function shutdownLevels(
  levels: readonly (readonly Node[])[],
  timeoutMs: number,
): Promise<Error[]> {
  const endMs = performance.now() + timeoutMs
  const errors: Error[] = []
  let weights = levels.reduce((sum, nodes) => sum + weightOf(nodes), 0)
  for (const nodes of levels) {
    const share = weightOf(nodes) / weights
    weights -= weightOf(nodes)
    const partMs = Math.max(LEAST_MS, (endMs - performance.now()) * share)
    const failed = await Promise.all(nodes.map((node) => shutdownNode(node, partMs)))
    errors.push(...failed.filter((error) => error !== undefined))
  }
  return errors
}

function weightOf(level: readonly Node[]): number {
  return level.every(({ kind }) => kind === 'extension') ? EXTENSION_WEIGHT : 1
}

/** One level each. */
export function oneByOne(nodes: readonly Node[]): Node[][] {
  return nodes.map((node) => [node])
}

async function shutdownNode(node: Node, timeMs: number): Promise<Error | undefined> {
  node.status.change({ status: 'stopping' })
  const deadline = new AbortController()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const expire = () => reject(new Error('the shutdown deadline has passed'))
  const timers = [setTimeout(() => deadline.abort(), timeMs * USABLE), setTimeout(expire, timeMs)]
  try {
    await Promise.race([node.component.shutdown?.(deadline.signal), late])
    node.status.change({ status: 'stopped' })
    return undefined
  } catch (error) {
    const reason = messageOf(error)
    node.status.change({ status: 'permanent_error', reason })
    return new Error(`failed to shut down ${nameOf(node)}: ${reason}`, { cause: error })
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}
