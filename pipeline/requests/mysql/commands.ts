/** What a client can ask for: the first byte of its message, and what becomes of it. */

const COM_QUIT = 0x01
export const COM_INIT_DB = 0x02
export const COM_QUERY = 0x03
export const COM_FIELD_LIST = 0x04
export const COM_CHANGE_USER = 0x11
export const COM_STMT_PREPARE = 0x16
export const COM_STMT_EXECUTE = 0x17
const COM_STMT_SEND_LONG_DATA = 0x18
export const COM_STMT_CLOSE = 0x19
export const COM_STMT_FETCH = 0x1c
export const COM_RESET_CONNECTION = 0x1f
/** MariaDB's, for many rows of parameters. */
export const COM_STMT_BULK_EXECUTE = 0xfa

/**
 * How the answer looks: `result`: OK, an error, or result sets; `single`: one packet; `rows`: what
 * ends as a result set does; `login`: a dialogue; `silent`: there is none; `stream`: no answer any
 * more, but a replica's stream.
 */
export type AnswerKind = 'result' | 'prepared' | 'single' | 'rows' | 'login' | 'silent' | 'stream'

export interface Command {
  readonly method: string
  readonly kind: AnswerKind
  /** Bytes of its text that are read. */
  readonly wanted: number
}

export const QUERY_BYTES_MAX = 4096
const NAME_BYTES_MAX = 512

function command(method: string, kind: AnswerKind, wanted = 0): Command {
  return { method, kind, wanted }
}

export const COMMANDS: ReadonlyMap<number, Command> = new Map([
  [COM_QUIT, command('QUIT', 'silent')],
  [COM_INIT_DB, command('INIT_DB', 'single', NAME_BYTES_MAX)],
  [COM_QUERY, command('QUERY', 'result', QUERY_BYTES_MAX)],
  [COM_FIELD_LIST, command('FIELD_LIST', 'rows', NAME_BYTES_MAX)],
  [0x05, command('CREATE_DB', 'single')],
  [0x06, command('DROP_DB', 'single')],
  [0x07, command('REFRESH', 'single')],
  [0x08, command('SHUTDOWN', 'single')],
  [0x09, command('STATISTICS', 'single')],
  [0x0a, command('PROCESS_INFO', 'result')],
  [0x0c, command('PROCESS_KILL', 'single')],
  [0x0d, command('DEBUG', 'single')],
  [0x0e, command('PING', 'single')],
  [COM_CHANGE_USER, command('CHANGE_USER', 'login', NAME_BYTES_MAX)],
  [0x12, command('BINLOG_DUMP', 'stream')],
  [0x13, command('TABLE_DUMP', 'stream')],
  [0x15, command('REGISTER_REPLICA', 'single')],
  [COM_STMT_PREPARE, command('PREPARE', 'prepared', QUERY_BYTES_MAX)],
  [COM_STMT_EXECUTE, command('EXECUTE', 'result', 4)],
  [COM_STMT_SEND_LONG_DATA, command('SEND_LONG_DATA', 'silent')],
  [COM_STMT_CLOSE, command('CLOSE', 'silent', 4)],
  [0x1a, command('RESET', 'single')],
  [0x1b, command('SET_OPTION', 'single')],
  [COM_STMT_FETCH, command('FETCH', 'rows', 4)],
  [0x1e, command('BINLOG_DUMP', 'stream')],
  [COM_RESET_CONNECTION, command('RESET_CONNECTION', 'single')],
  [COM_STMT_BULK_EXECUTE, command('EXECUTE', 'result', 4)],
])
