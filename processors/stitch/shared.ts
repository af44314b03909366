/**
 * Memories that stand outside the graph: the stitch processors of one id, in as many pipelines as
 * they may be, share one for as long as one of them runs.
 */

import type { StitchConfig } from './config.ts'
import { Memory, type Note } from './memory.ts'

const memories = new Map<string, { readonly memory: Memory; users: number }>()

/** Give it back with `releaseMemory`. The first user's config counts; one id has one section. */
export function acquireMemory(id: string, config: StitchConfig, note: Note): Memory {
  let shared = memories.get(id)
  if (shared === undefined) {
    shared = { memory: new Memory(config, note), users: 0 }
    memories.set(id, shared)
  }
  shared.users++
  return shared.memory
}

export function releaseMemory(id: string): void {
  const shared = memories.get(id)
  if (shared !== undefined && --shared.users === 0) memories.delete(id)
}
