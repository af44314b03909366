/**
 * Finds the end of an answer, packet by packet:
 *
 *     result   ::= OK | ERR | LOCAL INFILE file's bytes (OK | ERR)
 *                | columns definition{columns} EOF? row* (EOF | ERR)
 *              and again where the status says MORE_RESULTS
 *     prepared ::= ERR | OK definition{parameters} EOF? definition{columns} EOF?
 *     login    ::= (server's data client's data)* (OK | ERR)
 *
 * With CLIENT_DEPRECATE_EOF the EOF behind definitions is left out. Where it is not known whether
 * that was agreed on, the length tells: an EOF has five bytes, the OK in its place seven at least.
 */
import type { Exchange } from '../exchange.ts'
import type { Prepared } from '../statements.ts'
import type { AnswerKind } from './commands.ts'
import {
  type Capabilities,
  CLIENT_DEPRECATE_EOF,
  CLIENT_OPTIONAL_METADATA,
  CLIENT_SESSION_TRACK,
  CURSOR_EXISTS,
  EOF,
  ERR,
  errorCodeOf,
  LOCAL_INFILE,
  MARIADB_CACHE_METADATA,
  MORE_RESULTS,
  OK,
  outcomeOf,
  PACKET_BYTES_MAX,
  Reader,
} from './packets.ts'

const FIRST = 0
const DEFINITIONS = 1
const DEFINITIONS_END = 2
const ROWS = 3
const PREPARED = 4
const INFILE = 5

const EOF_BYTES = 5
const OK_BYTES_MIN = 7
/** A MariaDB server tells how far it is, in an error's clothes. */
const PROGRESS = 0xffff
/** Of an answer's first packet; of a row, enough for the OK or the error in its place. */
const FIRST_BYTES_MAX = 512
const ROW_BYTES_MAX = 32

export interface Asked {
  readonly kind: AnswerKind
  /** Undefined: the login that a connection begins with. */
  readonly exchange?: Exchange
  /** The statement that is prepared. */
  readonly prepared?: Prepared
  /** The database from then on, when it succeeds. */
  readonly database?: string
  /** The command makes the server forget what was prepared. */
  readonly forgets?: boolean
}

export class Answer {
  readonly asked: Asked
  /** The sequence number of the next packet of either end. */
  sequence = 0
  started = false
  /** The number of a statement that was prepared. */
  statement = 0
  /** Of an error; 0: none. */
  errorCode = 0
  /** The server said which database is used from now on. */
  trackedDatabase: string | undefined
  #state: number
  /** Definitions that have not come. */
  #left = 0

  constructor(asked: Asked) {
    this.asked = asked
    this.#state = asked.kind === 'rows' ? ROWS : FIRST
  }

  /** Of the login that the connection begins with. */
  get isOfLogin(): boolean {
    return this.asked.exchange === undefined
  }

  /** The client's next packet belongs to it. */
  get isDialogue(): boolean {
    return this.asked.kind === 'login' || this.#state === INFILE
  }

  /** What is left ends with the packet that `endsRows` knows. */
  get isResultSet(): boolean {
    return this.started && this.#state >= DEFINITIONS && this.#state <= ROWS
  }

  /** Nothing is left but what describes a statement that is known. */
  get isPrepared(): boolean {
    return this.#state === PREPARED
  }

  /** How much is wanted of the next packet. */
  get wanted(): number {
    if (this.#state === FIRST) return FIRST_BYTES_MAX
    return this.#state === ROWS ? ROW_BYTES_MAX : EOF_BYTES
  }

  /** The client has sent its file. */
  fileEnded(): void {
    this.#state = FIRST
  }

  /** The server's next packet; whether it is the last one. */
  take(body: Buffer, of: { length: number; capabilities: Capabilities | undefined }): boolean {
    this.started = true
    const first = body[0] ?? OK
    if (first === ERR && this.#state !== PREPARED) {
      const code = errorCodeOf(body)
      if (code === PROGRESS) return false
      this.errorCode = code
      return true
    }
    switch (this.#state) {
      case FIRST:
        return this.#first(body, of)
      case DEFINITIONS:
        if (--this.#left === 0) this.#state = DEFINITIONS_END
        return false
      case DEFINITIONS_END:
        return this.#definitionsEnd(body, of)
      case ROWS:
        if (first !== EOF || of.length >= PACKET_BYTES_MAX) return false
        return this.#isLast(body, of.capabilities)
      case PREPARED:
        return --this.#left <= 0
      default:
        return false
    }
  }

  #first(body: Buffer, of: { length: number; capabilities: Capabilities | undefined }): boolean {
    const { kind } = this.asked
    const first = body[0] ?? OK
    if (kind === 'login') return first === OK
    if (kind === 'single') {
      if (first === OK) this.#isLast(body, of.capabilities)
      return true
    }
    if (kind === 'prepared') return this.#prepared(body, of.capabilities)
    if (first === LOCAL_INFILE) {
      this.#state = INFILE
      return false
    }
    if (first === EOF || (first === OK && of.length >= OK_BYTES_MIN)) {
      return this.#isLast(body, of.capabilities)
    }
    this.#columns(body, of.capabilities)
    return false
  }

  /** With CLIENT_OPTIONAL_METADATA (before the count) or MariaDB's cache (behind): 0 for none. */
  #columns(body: Buffer, capabilities: Capabilities | undefined): void {
    const reader = new Reader(body)
    let follows = true
    // Not known what was agreed on: a flag stands before or behind a count, which is not 0.
    const isFlagged = capabilities === undefined && body.length === 2
    const isFlagLast = isFlagged && reader.int(1) > 0 && reader.int(1) < 2
    reader.at = 0
    const isOptional = isFlagged ? !isFlagLast : has(capabilities, CLIENT_OPTIONAL_METADATA)
    if (isOptional) follows = reader.int(1) !== 0
    this.#left = reader.lenenc()
    const isCached = ((capabilities?.mariadb ?? 0) & MARIADB_CACHE_METADATA) !== 0
    if (isCached || isFlagLast) follows = reader.int(1) !== 0
    this.#state = follows && this.#left > 0 ? DEFINITIONS : DEFINITIONS_END
  }

  #definitionsEnd(
    body: Buffer,
    of: { length: number; capabilities: Capabilities | undefined },
  ): boolean {
    this.#state = ROWS
    const first = body[0] ?? OK
    if (first !== EOF || of.length >= PACKET_BYTES_MAX) return false
    const isEof = of.length === EOF_BYTES
    if (!isEof || has(of.capabilities, CLIENT_DEPRECATE_EOF)) {
      return this.#isLast(body, of.capabilities)
    }
    // The rows of a cursor are fetched one by one.
    return (outcomeOf(body, false).status & CURSOR_EXISTS) !== 0
  }

  /** `0:u8 statement:u32 columns:u16 parameters:u16 …`. */
  #prepared(body: Buffer, capabilities: Capabilities | undefined): boolean {
    const reader = new Reader(body, 1)
    this.statement = reader.int(4)
    const columns = reader.int(2)
    const parameters = reader.int(2)
    reader.skip(3)
    const follows = !has(capabilities, CLIENT_OPTIONAL_METADATA) || reader.int(1) !== 0
    // Not known: an EOF that comes nevertheless answers nothing.
    const isEofSent = capabilities !== undefined && !has(capabilities, CLIENT_DEPRECATE_EOF)
    const eof = isEofSent ? 1 : 0
    this.#left = 0
    if (follows && columns > 0) this.#left += columns + eof
    if (follows && parameters > 0) this.#left += parameters + eof
    this.#state = PREPARED
    return this.#left === 0
  }

  #isLast(body: Buffer, capabilities: Capabilities | undefined): boolean {
    const { status, database } = outcomeOf(body, has(capabilities, CLIENT_SESSION_TRACK))
    this.trackedDatabase = database ?? this.trackedDatabase
    this.#state = FIRST
    return (status & MORE_RESULTS) === 0
  }
}

function has(capabilities: Capabilities | undefined, flag: number): boolean {
  return capabilities !== undefined && (capabilities.flags & flag) !== 0
}

/**
 * Whether the last bytes of a piece, of which no more are known, end a result set: all but the
 * first one of an EOF with its header, or the last eight of an OK in its place, without a text.
 */
export function endsRows(
  bytes: Buffer,
  of: { end: number; length: number; capabilities: Capabilities | undefined },
): boolean {
  const at = of.end - 8
  if (of.length < 8 || at < 0) return false
  const isDeprecated = has(of.capabilities, CLIENT_DEPRECATE_EOF)
  if (!isDeprecated) {
    if (bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 3] !== EOF) return false
    return isLastStatus(bytes.readUInt16LE(at + 6))
  }
  if (bytes[at + 1] !== EOF || bytes[at + 2] !== 0 || bytes[at + 3] !== 0) return false
  return isLastStatus(bytes.readUInt16LE(at + 4))
}

function isLastStatus(status: number): boolean {
  return status < 0x8000 && (status & MORE_RESULTS) === 0
}
