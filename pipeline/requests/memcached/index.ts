import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import { COMMAND_LINE, DOUBTFUL_LINE } from './commands.ts'
import { MemcachedParser } from './memcached_parser.ts'

const PORT = 11_211
/** As much as COMMAND_LINE needs: a key, and numbers. */
const LOOKED_AT = 320
const WORD = /^[a-z_]{0,12}$/
const ARGUMENTS = /^[a-z_]{2,12} [^\r\n]*\r?$/

/** memcached's text protocol, with its meta commands; the binary one is deprecated. */
export const memcached: Protocol = {
  name: 'memcached',
  detect({ bytes, at, to, fromClient, port }: FirstBytes): Verdict {
    if (!fromClient) return 'no'
    const text = bytes.toString('latin1', at, Math.min(to, at + LOOKED_AT))
    if (COMMAND_LINE.test(text)) return 'yes'
    if (port === PORT && DOUBTFUL_LINE.test(text)) return 'yes'
    return text.length < LOOKED_AT && (WORD.test(text) || ARGUMENTS.test(text)) ? 'more' : 'no'
  },
  open: (exchanges, shared) => new MemcachedParser(exchanges, shared),
  resume: (exchanges, { shared, remembered }) => new MemcachedParser(exchanges, shared, remembered),
}
