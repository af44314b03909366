import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MYSQL, STANDARD, statementOf } from '../../../pipeline/requests/sql.ts'

const STATEMENTS: readonly [text: string, method: string, target: string, query: string][] = [
  ['select 1', 'SELECT', '', 'select ?'],
  [
    "SELECT a FROM t WHERE b='x' -- secret\n AND c=2",
    'SELECT',
    't',
    'SELECT a FROM t WHERE b=? AND c=?',
  ],
  ['SELECT * FROM "Order Items" o', 'SELECT', 'Order Items', 'SELECT * FROM "Order Items" o'],
  ['SELECT * FROM shop.items', 'SELECT', 'shop.items', 'SELECT * FROM shop.items'],
  [
    'SELECT * FROM (SELECT 1) x JOIN b ON true',
    'SELECT',
    'b',
    'SELECT * FROM (SELECT ?) x JOIN b ON true',
  ],
  ["INSERT INTO t VALUES (1, 'a'), (2, 'b')", 'INSERT', 't', 'INSERT INTO t VALUES (?)'],
  ['DELETE FROM ONLY t WHERE id IN (1,2,3)', 'DELETE', 't', 'DELETE FROM ONLY t WHERE id IN (?)'],
  ['UPDATE t SET a = a + 1.5e3', 'UPDATE', 't', 'UPDATE t SET a = a + ?'],
  [
    'WITH x AS (SELECT 1 FROM a) INSERT INTO t SELECT * FROM x',
    'SELECT',
    'a',
    'WITH x AS (SELECT ? FROM a) INSERT INTO t SELECT * FROM x',
  ],
  ["SELECT E'it\\'s', N'x', $tag$ se'cret $tag$, $$y$$", 'SELECT', '', 'SELECT ?, ?, ?, ?'],
  ['CREATE TABLE IF NOT EXISTS t (a int)', 'CREATE', 't', 'CREATE TABLE IF NOT EXISTS t (a int)'],
  ['/* hint */ COMMIT', 'COMMIT', '', 'COMMIT'],
  ["SELECT 'never ends", 'SELECT', '', 'SELECT ?'],
  ['', '', '', ''],
]

for (const [text, method, target, query] of STATEMENTS) {
  test(`${JSON.stringify(text)} is ${method} of ${target || 'nothing'}`, () => {
    assert.deepEqual(statementOf(text, STANDARD), { method, target, query })
  })
}

test('in MySQL double quotes and backslashes make texts', () => {
  assert.deepEqual(statementOf('SELECT "a\\"b", \'c\\\'d\' FROM `my table`', MYSQL), {
    method: 'SELECT',
    target: 'my table',
    query: 'SELECT ?, ? FROM `my table`',
  })
})

test('no literal is ever left in the text, whatever stands around it', () => {
  const secret = 'hunter2secret'
  const before = fc.constantFrom(
    'SELECT ',
    'INSERT INTO t VALUES (',
    'WHERE a=',
    "'x' || ",
    '-- c\n',
    '',
  )
  const literal = fc.constantFrom(
    `'${secret}'`,
    `'a''${secret}'`,
    `E'\\'${secret}'`,
    `$$${secret}$$`,
  )
  const after = fc.constantFrom(')', ' FROM t', " AND b = 'y'", '')
  fc.assert(
    fc.property(fc.array(fc.tuple(before, literal, after), { maxLength: 5 }), (parts) => {
      const text = parts.map((part) => part.join('')).join(' ')
      assert.ok(!statementOf(text, STANDARD).query.includes(secret), text)
    }),
  )
})

test('any text is read in time that its length bounds, and gives a bounded text', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 300 }),
      fc.constantFrom(STANDARD, MYSQL),
      (text, dialect) => {
        const { method, target, query } = statementOf(text.repeat(60), dialect)
        assert.ok(query.length <= 2048 && target.length <= 256 && method.length <= 20_000)
      },
    ),
    { numRuns: 200 },
  )
  for (const hostile of ["'", '"', '$a$', '/*', '--', '(', '?,', '`', '[a', 'FROM ', '.']) {
    statementOf(hostile.repeat(20_000), STANDARD)
    statementOf(hostile.repeat(20_000), MYSQL)
  }
})
