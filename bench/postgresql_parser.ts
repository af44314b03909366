/** PostgreSQL beside HTTP/1: a row of 100 bytes, asked for as pgbench does in two of its ways. */
import { client, type Said, server } from '../test/pipeline/requests/talk.ts'
import { http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000

function message(type: string, body: string): string {
  const length = String.fromCharCode(0, 0, (body.length + 4) >> 8, (body.length + 4) & 255)
  return `${type}${length}${body}`
}

const STARTUP: readonly Said[] = [
  client('\0\0\0\x13\0\x03\0\0user\0bob\0\0\0'.slice(0, 19)),
  server(message('R', '\0\0\0\0') + message('Z', 'I')),
]
const ROW = message('D', `\0\x01\0\0\0\x64${'x'.repeat(100)}`)
const DONE = message('C', 'SELECT 1\0') + message('Z', 'I')
const SQL = 'SELECT abalance FROM pgbench_accounts WHERE aid = '

function conversation(name: string, before: readonly Said[], pair: readonly Said[]) {
  const exchanges = EXCHANGES + before.length / 2
  const said = [...STARTUP, ...before, ...Array.from({ length: EXCHANGES }, () => pair).flat()]
  return { name, port: 5432, exchanges, said }
}

const simple = [
  client(message('Q', `${SQL}123456;\0`)),
  server(message('T', `\0\x01abalance\0${'\0'.repeat(18)}`) + ROW + DONE),
]
const prepare = [
  client(message('P', `P0\0${SQL}$1;\0\0\0`) + message('S', '')),
  server(message('1', '') + message('Z', 'I')),
]
const prepared = [
  client(
    message('B', '\0P0\0\0\0\0\x01\0\0\0\x06123456\0\0') +
      message('E', '\0\0\0\0\0') +
      message('S', ''),
  ),
  server(message('2', '') + ROW + DONE),
]

measureParsers([
  http1(EXCHANGES),
  conversation('PostgreSQL, SELECT of a row', [], simple),
  conversation('PostgreSQL, prepared SELECT of a row', prepare, prepared),
])
