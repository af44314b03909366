/**
 * A small file that others rewrite while flowspan runs: a token, a password, a list of users.
 *
 * It is looked at when its value is asked for, at most once a second: a `stat` of 5 µs, and a read
 * when that shows another file. Nothing watches in between, so there is no handle to close, and it
 * does not matter how the file is replaced: written in place, renamed over, or by the switch of a
 * symbolic link two levels up, as the kubelet does it.
 */
import { readFileSync, statSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Report } from './status.ts'

const LOOK_MS = 1000
const BYTES_MAX = 1024 * 1024

export interface RotatingFileSettings<T> {
  /** Reads the content; what it throws must not quote it, for it may be a secret. */
  readonly parse: (text: string) => T
  readonly logger: Logger
  /** The option that names the file, for messages: `extensions::basicauth::htpasswd::file`. */
  readonly option: string
  /** Hears when the file cannot be used any more, and when it can again. */
  readonly report: (report: Report) => void
  readonly lookMs?: number
}

export class RotatingFile<T> {
  readonly #path: string
  readonly #settings: RotatingFileSettings<T>
  #value: T
  #stamp: string
  #lookedMs = performance.now()
  /** Why the last look was in vain, so that it is logged once. */
  #trouble = ''

  /** Throws, naming the option, when the file cannot be read or is not what it should be. */
  constructor(path: string, settings: RotatingFileSettings<T>) {
    this.#path = path
    this.#settings = settings
    try {
      this.#stamp = stampOf(path)
      this.#value = settings.parse(readFileSync(path, 'utf8'))
    } catch (error) {
      throw new Error(`${settings.option}: cannot use "${path}": ${(error as Error).message}`)
    }
  }

  /** What the file holds now; what it held before, when it cannot be used now. */
  get value(): T {
    const now = performance.now()
    if (now - this.#lookedMs >= (this.#settings.lookMs ?? LOOK_MS)) {
      this.#lookedMs = now
      this.#look()
    }
    return this.#value
  }

  #look(): void {
    const { logger, option, parse, report } = this.#settings
    const path = this.#path
    try {
      const stamp = stampOf(path)
      if (stamp !== this.#stamp) {
        this.#value = parse(readFileSync(path, 'utf8'))
        this.#stamp = stamp
        logger.info({ path, option }, 'The file has changed and was read again')
      }
      if (this.#trouble !== '') report({ status: 'ok' })
      this.#trouble = ''
    } catch (error) {
      const { message } = error as Error
      if (message === this.#trouble) return
      this.#trouble = message
      // After the start only what the user nobody may read can be read again.
      const hint = 'the old content stays in use; the file must be readable for group 65534'
      logger.warn({ path, option, error: message }, `Cannot read the file again: ${hint}`)
      report({ status: 'recoverable_error', reason: `${option}: ${message}` })
    }
  }
}

/** What changes with the content, for every way to replace a file. */
function stampOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  if (size > BYTES_MAX) throw new Error(`it has ${size} bytes, at most ${BYTES_MAX} are read`)
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}
