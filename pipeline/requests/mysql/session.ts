/** What a connection has agreed on, and remembers: capabilities, the database, statements. */
import { type Remembered, remembered } from '../remembered.ts'
import { type Prepared, Statements, UNKNOWN_STATEMENT } from '../statements.ts'
import type { Answer } from './answer.ts'
import {
  type Capabilities,
  CLIENT_COMPRESS,
  CLIENT_PROTOCOL_41,
  CLIENT_SSL,
  CLIENT_ZSTD,
  greetingOf,
  loginOf,
} from './packets.ts'

const GREETING = 10
/** A request for encryption is a login without a user. */
const SSL_REQUEST_BYTES = 32
/** The number of the statement that was prepared last: MariaDB's, for who does not wait for it. */
const LAST_STATEMENT = 0xffffffff

/** Why what follows is not read: names of counts. */
export type Unread = 'encrypted' | 'compressed' | 'old_protocol'

export class Session {
  database = ''
  /** Of both ends; undefined: the login was not seen. */
  capabilities: Capabilities | undefined
  #server: Capabilities = { flags: -1, mariadb: -1 }
  readonly #statements = new Statements<number>()
  #last: Prepared = UNKNOWN_STATEMENT

  /** Goes on with what was agreed on; what was prepared is not known. */
  resume({ words: [flags, mariadb] }: Remembered): void {
    this.capabilities = { flags: flags | 0, mariadb: mariadb | 0 }
  }

  /** `before`: what was said last; it is given again while nothing has changed. */
  remembered(before: Remembered | undefined, pipelines: boolean): Remembered | undefined {
    if (this.capabilities === undefined) return undefined
    if (before?.pipelines === pipelines) return before
    const { flags, mariadb } = this.capabilities
    return remembered('mysql', { pipelines, words: [flags >>> 0, mariadb >>> 0] })
  }

  /** Whether it was a greeting. */
  greeted(body: Buffer): boolean {
    if (this.capabilities !== undefined || body[0] !== GREETING) return false
    this.#server = greetingOf(body)
    return true
  }

  /** The client's first packet; later ones are its part in proving who it is. */
  login(body: Buffer): Unread | undefined {
    if (this.capabilities !== undefined) return undefined
    const login = loginOf(body)
    const flags = login.flags & this.#server.flags
    this.capabilities = { flags, mariadb: login.mariadb & this.#server.mariadb }
    this.database = login.database
    if ((flags & CLIENT_PROTOCOL_41) === 0) return 'old_protocol'
    if ((flags & CLIENT_SSL) !== 0 && body.length === SSL_REQUEST_BYTES) return 'encrypted'
    return (flags & (CLIENT_COMPRESS | CLIENT_ZSTD)) === 0 ? undefined : 'compressed'
  }

  preparing(prepared: Prepared): void {
    this.#last = prepared
  }

  /** By the number that an execution begins with. */
  statement(body: Buffer): Prepared {
    if (body.length < 4) return UNKNOWN_STATEMENT
    const number = body.readUInt32LE(0)
    if (number === LAST_STATEMENT) return this.#last
    return this.#statements.get(number) ?? UNKNOWN_STATEMENT
  }

  closed(body: Buffer): void {
    if (body.length >= 4) this.#statements.delete(body.readUInt32LE(0))
  }

  /** What a command changes once it has succeeded. */
  answered({ asked, errorCode, statement, trackedDatabase }: Answer): void {
    if (errorCode !== 0) return
    if (asked.forgets) this.#statements.clear()
    if (asked.prepared !== undefined) this.#statements.set(statement, asked.prepared)
    this.database = trackedDatabase ?? asked.database ?? this.database
  }

  /** Something was missed: the last statement may be another. */
  torn(): void {
    this.#last = UNKNOWN_STATEMENT
  }

  /** Commands were missed, of which one may have changed the database. */
  missed(): void {
    this.torn()
    this.database = ''
  }
}
