/**
 * Tells when files have changed, by looking at them: what a path leads to is compared, so it makes
 * no difference whether a file was written, replaced by another (as editors do), or a link above it
 * was pointed elsewhere (as Kubernetes does with `..data` of a ConfigMap). Change notifications of
 * the kernel would need a watch on every folder on the way, and are silent on network file systems.
 */
import { statSync } from 'node:fs'

const POLL_MS = 500

export class FileWatch {
  readonly #pollMs: number
  /** What each file was when it was read last. */
  #read: ReadonlyMap<string, string> = new Map()
  /** What all were when they were looked at last. */
  #seen = ''
  #timer: NodeJS.Timeout | undefined

  constructor({ pollMs = POLL_MS }: { pollMs?: number } = {}) {
    this.#pollMs = pollMs
  }

  /** Before the files are read: what changes from now on is a change. */
  reading(): void {
    this.#read = identities(this.#read.keys())
  }

  /** The files that were read, after `reading`. */
  read(files: readonly string[]): void {
    const before = this.#read
    this.#read = new Map(files.map((file) => [file, before.get(file) ?? identityOf(file)]))
  }

  /** Calls `changed` once for each change, when the files have come to rest. */
  start(changed: () => void): void {
    this.stop()
    this.#timer = setInterval(() => this.#look(changed), this.#pollMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(changed: () => void): void {
    const now = identities(this.#read.keys())
    const seen = textOf(now)
    const rests = seen === this.#seen
    this.#seen = seen
    if (!rests || seen === textOf(this.#read)) return
    // Once: a reload that fails is not repeated until there is another change.
    this.#read = now
    changed()
  }
}

function identities(files: Iterable<string>): Map<string, string> {
  return new Map([...files].map((file) => [file, identityOf(file)]))
}

/** Changes whenever the contents may have; links are followed. */
function identityOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

function textOf(all: ReadonlyMap<string, string>): string {
  return [...all].map((pair) => pair.join('\n')).join('\n')
}
