/**
 * What a piece of work has left behind in this process: open files and sockets, timers that keep it
 * alive, and timers of flowspan's own that do not.
 */
import { createHook } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'

const POLL_MS = 20

export class Leaks {
  readonly #resources = process.getActiveResourcesInfo()
  readonly #files = openFiles()
  /** Where each timer that still lives was made. */
  readonly #timers = new Map<number, string>()
  readonly #hook = createHook({
    init: (id, type) => {
      if (type !== 'Timeout') return
      const maker = makerOf(new Error().stack ?? '')
      if (maker !== undefined) this.#timers.set(id, maker)
    },
    destroy: (id) => void this.#timers.delete(id),
  }).enable()

  /**
   * What has come since this was made and does not go away, in words; forget it after this.
   * Closing takes a few turns of the event loop, and on a busy machine some time.
   */
  async end(patienceMs: number): Promise<string[]> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      // A timer's end is told one turn late.
      for (let i = 0; i < 3; i++) await turn()
      const left = this.#left()
      if (left.length === 0 || performance.now() > deadline) {
        this.#hook.disable()
        return left
      }
      await sleep(POLL_MS)
    }
  }

  #left(): string[] {
    return [
      ...minus(process.getActiveResourcesInfo(), this.#resources),
      ...minus(openFiles(), this.#files),
      ...[...this.#timers.values()].map((maker) => `timer made ${maker}`),
    ]
  }
}

/** The line of the program that made a timer; undefined for what a library or a test does. */
function makerOf(stack: string): string | undefined {
  const lines = stack.split('\n').filter((line) => /file:\/\/|node_modules/.test(line))
  // The first is the hook above.
  const maker = lines[1]?.trim()
  return maker === undefined || /node_modules|\/test\/(?!contract\/saboteurs)/.test(maker)
    ? undefined
    : maker
}

/** As many of each as there are more of them than before. */
function minus(now: readonly string[], before: readonly string[]): string[] {
  const left = [...now]
  for (const one of before) {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      // The listing itself is open while it is read.
      return target.endsWith('/fd') ? [] : [`open: ${target}`]
    } catch {
      return []
    }
  })
}
