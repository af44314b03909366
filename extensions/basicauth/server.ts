/** Judges `Authorization: Basic` headers (RFC 7617) by htpasswd files. */
import { setImmediate } from 'node:timers/promises'
import type { Headers, ServerAuthenticator } from '../../pipeline/auth.ts'
import type { Extension, Host, Settings } from '../../pipeline/component.ts'
import { RotatingFile } from '../../pipeline/rotating_file.ts'
import { digestOf } from '../../pipeline/secret_match.ts'
import type { HtpasswdConfig } from './config.ts'
import type { Slow } from './crypt.ts'
import { anyVerifier, parseUsers, Remembered, type Users } from './users.ts'

/** Requests whose password is being checked, or waits for that. */
const CHECKS_MAX = 100
/** SHA crypt hashes the square of this; no password is longer. */
const PASSWORD_BYTES_MAX = 512
const SLICE_MS = 1

const BASE64 = /^[+/0-9A-Za-z]*={0,2}$/

export class BasicAuthServer implements Extension, ServerAuthenticator {
  readonly #users: () => Users
  readonly #remembered = new Remembered()
  #host: Host | undefined
  #checks = 0
  #turn: Promise<unknown> = Promise.resolve()

  /** Reads the users; throws, naming the option and the line, when a hash cannot be checked. */
  constructor({ logger, id }: Settings, config: HtpasswdConfig) {
    const option = `extensions::${id}::htpasswd`
    const inline = parseInline(config.inline, `${option}::inline`)
    if (config.file === '') {
      this.#users = () => inline
      return
    }
    const file = new RotatingFile(config.file, {
      parse: (text): Users => new Map([...parseUsers(text), ...inline]),
      logger,
      option: `${option}::file`,
      report: (report) => this.#host?.report(report),
    })
    this.#users = () => file.value
  }

  start(host: Host): void {
    this.#host = host
  }

  authenticate(headers: Headers): string | undefined | Promise<string | undefined> {
    const { authorization } = headers
    const value = typeof authorization === 'string' ? authorization : authorization?.[0]
    if (value === undefined || value === '') return 'no basic auth provided'
    if (!/^basic /i.test(value)) return 'invalid authorization scheme prefix'
    const encoded = value.slice('basic '.length).trim()
    const text = BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.alloc(0)
    const colon = text.indexOf(':')
    if (colon < 0) return 'invalid authorization format'
    const users = this.#users()
    const user = text.toString('utf8', 0, colon)
    const digest = digestOf(text)
    if (this.#remembered.of(users).has(user, digest)) return undefined
    if (this.#checks >= CHECKS_MAX) return 'too many credentials to check at once'
    return this.#check(users, { user, digest, password: text.subarray(colon + 1) })
  }

  /** One check at a time, so that many of them do not take the processor from the pipelines. */
  async #check(
    users: Users,
    given: { user: string; digest: Buffer; password: Buffer },
  ): Promise<string | undefined> {
    const { user, digest, password } = given
    const verifier = users.get(user) ?? anyVerifier(users)
    if (verifier === undefined || password.length > PASSWORD_BYTES_MAX) return 'invalid credentials'
    this.#checks++
    const check = this.#turn.then(() => inSlices(verifier(password)))
    this.#turn = check.catch(() => false)
    const good = (await check.finally(() => this.#checks--)) && users.has(user)
    if (!good) return 'invalid credentials'
    this.#remembered.of(users).add(user, digest)
    return undefined
  }
}

function parseInline(text: string, option: string): Users {
  try {
    return parseUsers(text)
  } catch (error) {
    throw new Error(`${option}: ${(error as Error).message}`)
  }
}

async function inSlices(work: boolean | Slow<boolean>): Promise<boolean> {
  if (typeof work === 'boolean') return work
  for (;;) {
    const untilMs = performance.now() + SLICE_MS
    while (performance.now() < untilMs) {
      const step = work.next()
      if (step.done) return step.value
    }
    await setImmediate()
  }
}
