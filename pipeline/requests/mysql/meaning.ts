/** What a command is about: what a row says of it, and what its success changes. */
import { MYSQL, type Statement, statementOf } from '../sql.ts'
import type { Asked } from './answer.ts'
import {
  COM_CHANGE_USER,
  COM_FIELD_LIST,
  COM_INIT_DB,
  COM_QUERY,
  COM_RESET_CONNECTION,
  COM_STMT_BULK_EXECUTE,
  COM_STMT_EXECUTE,
  COM_STMT_FETCH,
  COM_STMT_PREPARE,
  type Command,
} from './commands.ts'
import { CLIENT_QUERY_ATTRIBUTES, changedDatabaseOf } from './packets.ts'
import { behindAttributes } from './query_attributes.ts'
import type { Session } from './session.ts'

const DATABASE_CHARS_MAX = 64
/** The name in `USE name`, for servers that do not tell when it has changed. */
const USE = /^\s*USE\s+(?:`([^`]+)`|([^\s;`]+))\s*;?\s*$/i

export interface Meaning {
  readonly named: Statement
  /** Not all of its text, or not its statement, is known. */
  readonly truncated: boolean
  readonly asked: Pick<Asked, 'prepared' | 'database' | 'forgets'>
}

export interface Message {
  /** Behind the byte that says which command it is. */
  readonly body: Buffer
  readonly cut: boolean
}

export function meaningOf(
  code: number,
  of: { message: Message; command: Command; session: Session },
): Meaning {
  const { message, command, session } = of
  const { body } = message
  const named = { method: command.method, target: '', query: '' }
  switch (code) {
    case COM_QUERY:
      return queried(message, session)
    case COM_STMT_PREPARE:
      return prepared(message, session)
    case COM_STMT_EXECUTE:
    case COM_STMT_BULK_EXECUTE: {
      const { statement, truncated } = session.statement(body)
      return { named: statement, truncated, asked: {} }
    }
    case COM_STMT_FETCH: {
      const { statement, truncated } = session.statement(body)
      return { named: { ...statement, method: command.method }, truncated, asked: {} }
    }
    case COM_INIT_DB:
      return { named, truncated: message.cut, asked: databaseAsked(body.toString('utf8')) }
    case COM_CHANGE_USER: {
      const asked = { ...databaseAsked(changedDatabaseOf(body)), forgets: true }
      return { named, truncated: message.cut, asked }
    }
    case COM_RESET_CONNECTION:
      return { named, truncated: false, asked: { forgets: true } }
    case COM_FIELD_LIST: {
      const target = textOf(body, 0).split('\0', 1)[0] ?? ''
      return {
        named: { ...named, target: target.slice(0, 128) },
        truncated: message.cut,
        asked: {},
      }
    }
    default:
      return { named, truncated: false, asked: {} }
  }
}

function databaseAsked(name: string): Pick<Asked, 'database'> {
  return { database: name.slice(0, DATABASE_CHARS_MAX) }
}

function textOf(body: Buffer, at: number): string {
  return body.toString('utf8', at)
}

function queried({ body, cut }: Message, session: Session): Meaning {
  const at = textAt(body, session)
  const text = at < 0 ? '' : textOf(body, at)
  const statement = statementOf(text, MYSQL)
  const named = { ...statement, method: statement.method || 'QUERY' }
  const name = statement.method === 'USE' ? USE.exec(text) : null
  const asked = name === null ? {} : databaseAsked((name[1] ?? name[2]) as string)
  return { named, truncated: cut || at < 0, asked }
}

function prepared({ body, cut }: Message, session: Session): Meaning {
  const statement = statementOf(textOf(body, 0), MYSQL)
  const prepared = { statement, truncated: cut }
  session.preparing(prepared)
  return { named: { ...statement, method: 'PREPARE' }, truncated: cut, asked: { prepared } }
}

/** Attributes may stand before the text; with none of them there is a 0 and a 1. -1: unknown. */
function textAt(body: Buffer, { capabilities }: Session): number {
  if (capabilities === undefined) return body[0] === 0 && body[1] === 1 ? 2 : 0
  return (capabilities.flags & CLIENT_QUERY_ATTRIBUTES) === 0 ? 0 : behindAttributes(body)
}
