/** MySQL beside HTTP/1: a prepared statement, and a query in text, with a row of 120 bytes. */
import {
  answer,
  bytes,
  command,
  DEPRECATE_EOF,
  PORT,
  preparedAnswer,
  query,
  resultSet,
  start,
  u32,
} from '../test/pipeline/requests/mysql/packets.ts'
import type { Said } from '../test/pipeline/requests/talk.ts'
import { type Conversation, http1, measureParsers } from './parsers.ts'

const EXCHANGES = 5000
const ROWS = answer(resultSet(DEPRECATE_EOF, ['x'.repeat(120)]))

function repeated(name: string, of: { before: readonly Said[]; pair: readonly Said[] }) {
  const said = [...start(DEPRECATE_EOF), ...of.before]
  const before = of.before.length / 2
  for (let i = before; i < EXCHANGES; i++) said.push(...of.pair)
  return { name, port: PORT, exchanges: EXCHANGES, said } satisfies Conversation
}

const prepare = [
  command(0x16, 'SELECT c FROM items WHERE id = ?'),
  answer(preparedAnswer(DEPRECATE_EOF, { statement: 1, columns: 1, parameters: 1 })),
]
const execute = command(0x17, bytes(u32(1), 0, u32(1), 0, 1, [3, 0], u32(42)))

measureParsers([
  http1(EXCHANGES),
  repeated('MySQL prepared SELECT', { before: prepare, pair: [execute, ROWS] }),
  repeated('MySQL SELECT in text', {
    before: [],
    pair: [query('SELECT c FROM items WHERE id = 42 AND name = "one"'), ROWS],
  }),
])
