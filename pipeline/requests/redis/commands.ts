/** What a row says of a command: its name, what its key looks like, its text without values. */

import { keyOf } from '../key_pattern.ts'
import type { QueryPolicy } from '../target.ts'

/** Commands whose first argument is neither a key nor a channel. */
const KEYLESS = new Set(
  (
    'ACL ASKING AUTH BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND CONFIG DBSIZE DEBUG DISCARD ECHO ' +
    'EVAL EVALSHA EVAL_RO EVALSHA_RO EXEC FAILOVER FCALL FCALL_RO FLUSHALL FLUSHDB FUNCTION HELLO ' +
    'INFO KEYS LASTSAVE LATENCY LOLWUT MEMORY MODULE MONITOR MULTI OBJECT PING PSYNC PUBSUB QUIT ' +
    'RANDOMKEY READONLY READWRITE REPLCONF REPLICAOF RESET ROLE SAVE SCAN SCRIPT SELECT SHUTDOWN ' +
    'SLAVEOF SLOWLOG SWAPDB SYNC TIME UNWATCH WAIT WAITAOF XGROUP XINFO XREAD XREADGROUP'
  ).split(' '),
)

/** Commands whose first argument names what they do, and holds nothing of the user's. */
const CONTAINERS = new Set(
  'ACL CLIENT CLUSTER COMMAND CONFIG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT XGROUP XINFO'.split(
    ' ',
  ),
)

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,47}$/

export interface Command {
  readonly method: string
  readonly target: string
  readonly query: string
}

/** Undefined when it begins with no name of a command. */
export function commandOf(texts: readonly string[], policy: QueryPolicy): Command | undefined {
  const [first = '', second = ''] = texts
  if (!NAME.test(first)) return undefined
  const name = first.toUpperCase()
  if (CONTAINERS.has(name) && NAME.test(second)) {
    const method = `${name} ${second.toUpperCase()}`
    return { method, target: '', query: method }
  }
  if (texts.length < 2 || KEYLESS.has(name)) {
    return { method: name, target: '', query: texts.length < 2 ? name : `${name} ?` }
  }
  if (policy === 'drop') return { method: name, target: '', query: `${name} ?` }
  const key = keyOf(second, policy)
  const more = texts.length > 2 ? ' ?' : ''
  return { method: name, target: key, query: `${name} ${key}${more}` }
}
