/** Redis beside HTTP/1: a value of 612 bytes. */
import { client, type Said, server } from '../test/pipeline/requests/talk.ts'
import { http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000
const pair: readonly Said[] = [
  client('*2\r\n$3\r\nGET\r\n$14\r\nuser:1234:cart\r\n'),
  server(`$612\r\n${'x'.repeat(612)}\r\n`),
]
const said = Array.from({ length: EXCHANGES }, () => pair).flat()

measureParsers([
  http1(EXCHANGES),
  { name: 'Redis GET, 612 bytes', port: 6379, exchanges: EXCHANGES, said },
])
