import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import { RedisParser } from './redis_parser.ts'

const COMMAND = /^\*\d{1,7}\r\n\$\d{1,9}\r\n/
/** What COMMAND may begin like. */
const BEGINNING = /^\*(\d{1,7}(\r(\n(\$(\d{1,9}\r?)?)?)?)?)?$/
const REPLY = /^[+\-:$*%_#,(~>]/

/** Redis and what speaks its protocol. No connection begins with an inline command. */
export const redis: Protocol = {
  name: 'redis',
  detect({ bytes, at, to, fromClient }: FirstBytes): Verdict {
    const text = bytes.toString('latin1', at, Math.min(to, at + 24))
    if (!fromClient) return text === '' || REPLY.test(text) ? 'more' : 'no'
    if (COMMAND.test(text)) return 'yes'
    return text === '' || BEGINNING.test(text) ? 'more' : 'no'
  },
  open: (exchanges, shared) => new RedisParser(exchanges, shared),
  resume: (exchanges, { shared, remembered }) => new RedisParser(exchanges, shared, remembered),
}
