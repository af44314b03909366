/** Who may come in: the users of htpasswd files, and what they have shown so far. */
import { matches } from '../../pipeline/secret_match.ts'
import { type Verifier, verifierOf } from './hashes.ts'

export type Users = ReadonlyMap<string, Verifier>

/** Lines `user:hash`; the last line of a user counts. Errors name the line and quote nothing. */
export function parseUsers(text: string): Users {
  const users = new Map<string, Verifier>()
  for (const [i, line] of text.split('\n').entries()) {
    const entry = line.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const colon = entry.indexOf(':')
    if (colon <= 0) throw new Error(`line ${i + 1} is not "user:hash"`)
    try {
      users.set(entry.slice(0, colon), verifierOf(entry.slice(colon + 1)))
    } catch (error) {
      throw new Error(`the password of line ${i + 1} ${(error as Error).message}`)
    }
  }
  return users
}

/**
 * What is checked for a name that nobody has, so that the answer takes as long as for one that
 * somebody has: the first user's password, as all of a file are usually hashed alike.
 */
export function anyVerifier(users: Users): Verifier | undefined {
  for (const verifier of users.values()) return verifier
  return undefined
}

/** The last good password of each user, as a digest with a key of this process. */
export class Remembered {
  readonly #good = new Map<string, Buffer>()
  #users: Users | undefined

  /** Forgets everything when the users are others than the last time. */
  of(users: Users): this {
    if (users !== this.#users) this.#good.clear()
    this.#users = users
    return this
  }

  has(user: string, digest: Buffer): boolean {
    const known = this.#good.get(user)
    return known !== undefined && matches(known, digest)
  }

  add(user: string, digest: Buffer): void {
    this.#good.set(user, digest)
  }
}
