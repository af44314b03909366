/** Connections that are older than what is seen of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, type Said, server, Talk, type TalkOptions } from '../talk.ts'
import {
  answer,
  CACHE_METADATA,
  command,
  DEFINITION,
  DEPRECATE_EOF,
  end,
  error,
  ok,
  PORT,
  packet,
  preparedAnswer,
  query,
  resultSet,
  u32,
} from './packets.ts'

const SELECT = query('SELECT a FROM items WHERE b = 7')
const execute = command(0x17, u32(3), [0, 1, 0, 0, 0])

function told(said: readonly Said[], options: TalkOptions = {}): unknown[] {
  const rows = new Talk({ port: PORT, before: 5000, ...options }).say(...said).end()
  return rows.map((row) => {
    const marks = [row.desynchronised && 'desynchronised', row.truncated && 'truncated']
    return [row.method, row.target, row.error, marks.filter(Boolean).join()]
  })
}

for (const flags of [0, DEPRECATE_EOF]) {
  const rows = answer(resultSet(flags, ['1', '2']))

  test(`a quiet connection is read from its next command on (${flags})`, () => {
    for (const role of ['client', 'server'] as const) {
      assert.deepEqual(told([SELECT, rows, SELECT, answer([error(1146)])], { role }), [
        ['SELECT', 'items', undefined, 'desynchronised'],
        ['SELECT', 'items', '1146', ''],
      ])
    }
  })

  test(`what was prepared before has no text, what is prepared since has (${flags})`, () => {
    const prepare = command(0x16, 'UPDATE items SET a = ?')
    const prepared = answer(preparedAnswer(flags, { statement: 3, columns: 0, parameters: 1 }))
    const done = answer([ok()])
    assert.deepEqual(told([execute, done, execute, rows, prepare, prepared, execute, done]), [
      ['EXECUTE', undefined, undefined, 'desynchronised,truncated'],
      ['EXECUTE', undefined, undefined, 'truncated'],
      ['PREPARE', 'items', undefined, ''],
      ['UPDATE', 'items', undefined, ''],
    ])
  })
}

test('a flag beside the count of columns is told from it', () => {
  const cached = answer([Buffer.of(2, 0), Buffer.of(1, 0x61, 1, 0x62), end(DEPRECATE_EOF)])
  const optional = answer([Buffer.of(1, 2), DEFINITION, DEFINITION, end(DEPRECATE_EOF)])
  const none = answer([Buffer.of(0, 2), end(DEPRECATE_EOF)])
  assert.ok(CACHE_METADATA > 0)
  for (const rows of [cached, optional, none]) {
    const said = [SELECT, answer([ok()]), execute, rows, SELECT, answer([error(1064)])]
    assert.deepEqual(told(said).at(-1), ['SELECT', 'items', '1064', ''])
  }
})

test('the end of an answer whose command was not seen is nobody’s', () => {
  const tail = server(Buffer.concat([Buffer.from('end of a row'), packet(9, end(0))]))
  assert.deepEqual(told([tail, SELECT, answer([ok()]), SELECT, answer([ok()])]), [
    ['SELECT', 'items', undefined, 'desynchronised'],
    ['SELECT', 'items', undefined, ''],
  ])
})

test('a server may read the header of a packet by itself', () => {
  const [header, body] = [SELECT.bytes.subarray(0, 4), SELECT.bytes.subarray(4)]
  const select = [client(header), client(body)]
  assert.deepEqual(told([...select, answer([ok()]), ...select, answer([error(1064)])]), [
    ['SELECT', 'items', undefined, 'desynchronised'],
    ['SELECT', 'items', '1064', ''],
  ])
})

test('a command alone tells nothing: any protocol with lengths could begin so', () => {
  assert.deepEqual(told([SELECT]), [])
  const other = (body: string) =>
    Buffer.concat([Buffer.from([body.length, 0, 0, 0]), Buffer.from(body)])
  const talk = [client(other('\x03hello')), server(other('\x03hello')), client(other('\x03more'))]
  assert.deepEqual(told([...talk, server(other('\x02'))]), [])
})
