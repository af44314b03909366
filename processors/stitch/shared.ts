/**
 * Memories that stand outside the graph: the stitch processors of one id, in as many pipelines as
 * they may be, share one for as long as one of them runs.
 */
import type { StitchConfig } from './config.ts'
import type { PinOwner } from './held_rows.ts'
import { Memory, type Note } from './memory.ts'

interface Shared {
  readonly memory: Memory
  /** In order of coming: the config of the last counts, as long as it is there. */
  readonly uses: Use[]
}

interface Use {
  config: StitchConfig
  readonly owner: PinOwner
}

const memories = new Map<string, Shared>()

/** One processor's part in the memory of its id. */
export interface MemoryUse {
  readonly memory: Memory
  /** What the processor held waits for nothing any more; the last one to go ends all waits. */
  release(): void
  /** The id has another config, which is that of all its processors. */
  reconfigure(config: StitchConfig): void
}

/**
 * Processors of one id have one section, so they differ only while a reload exchanges it: the one
 * that came last has the newer, and if it goes first the older counts again.
 */
export function useMemory(
  own: string,
  config: StitchConfig,
  { owner, note }: { owner: PinOwner; note: Note },
): MemoryUse {
  const id = config.memory ?? own
  const shared = memories.get(id) ?? { memory: new Memory(config, note), uses: [] }
  memories.set(id, shared)
  const { memory, uses } = shared
  const use: Use = { config, owner }
  // A guest's windows count only as long as the memory's own processors are not there.
  if (id === own) uses.push(use)
  else uses.unshift(use)
  memory.reconfigure((uses.at(-1) as Use).config)
  return {
    memory,
    release() {
      const at = uses.indexOf(use)
      if (at < 0) return
      uses.splice(at, 1)
      const last = uses.at(-1)
      if (last === undefined) {
        memories.delete(id)
        memory.settleAll()
      } else {
        memory.settleOf(owner)
        memory.bequeath(owner, last.owner)
        memory.reconfigure(last.config)
      }
    },
    reconfigure(wanted) {
      use.config = wanted
      memory.reconfigure((uses.at(-1) as Use).config)
    },
  }
}
