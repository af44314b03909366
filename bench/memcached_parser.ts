/** memcached beside HTTP/1: a value of 612 bytes. */
import { client, type Said, server } from '../test/pipeline/requests/talk.ts'
import { http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000

function repeated(request: string, response: string): Said[] {
  const pair = [client(request), server(response)]
  return Array.from({ length: EXCHANGES }, () => pair).flat()
}

const value = 'x'.repeat(612)
const get = repeated('get user:1234:cart\r\n', `VALUE user:1234:cart 0 612\r\n${value}\r\nEND\r\n`)
const set = repeated(`set user:1234:cart 0 60 612\r\n${value}\r\n`, 'STORED\r\n')

measureParsers([
  http1(EXCHANGES),
  { name: 'memcached get, 612 bytes', port: 11_211, exchanges: EXCHANGES, said: get },
  { name: 'memcached set, 612 bytes', port: 11_211, exchanges: EXCHANGES, said: set },
])
