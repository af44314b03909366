import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { MARIADB_PORT, startMariadb } from '../kit/databases.ts'
import type { Row } from '../kit/flowspan.ts'
import { runInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 180_000 }
const TRANSACTIONS = 15
/** How sysbench asks: by the number of what it has prepared, or in text. */
const MODES = ['auto', 'disable']
/** What the client of the package sends of these lines, and what it says. */
async function script(
  pods: CapturedPods,
  lines: readonly string[],
  { filter = '' } = {},
): Promise<string> {
  const file = join(pods.directory, 'script.sql')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const to = `-h ${pods.server.ipv4} -P ${MARIADB_PORT} -u bench --skip-ssl`
  const command = `mariadb --no-defaults ${to} --local-infile=1 --force shop < ${file} 2>&1`
  const { stdout } = await runInPod(pods.client, ['sh', '-c', `(${command} || true)${filter}`])
  return stdout
}

function tally(rows: readonly Row[]): Record<string, number> {
  const groups = Map.groupBy(rows, ({ method, target }) => `${method} ${target ?? ''}`.trim())
  return Object.fromEntries([...groups].map(([key, { length }]) => [key, length]))
}

test('a real MariaDB: every statement of sysbench, prepared and in text', options, async (t) => {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await startMariadb(t, pods)
  const to = [
    `--mysql-host=${pods.server.ipv4}`,
    `--mysql-port=${MARIADB_PORT}`,
    '--mysql-user=bench',
  ]
  const run = (...args: string[]) =>
    runInPod(pods.client, ['sysbench', ...to, '--mysql-db=shop', '--table-size=500', ...args])
  await run('oltp_read_write', 'prepare')
  await pods.capture()
  const count = ['--time=0', `--events=${TRANSACTIONS}`]
  for (const mode of MODES) {
    const { stdout } = await run('oltp_read_write', `--db-ps-mode=${mode}`, ...count, 'run')
    assert.match(stdout, new RegExp(`total: +${20 * TRANSACTIONS}\\n`))
    assert.match(stdout, /ignored errors: +0 /)
  }

  const each = MODES.length * TRANSACTIONS
  const isAsked = ({ protocol, method }: Row) => protocol === 'mysql' && method !== 'PREPARE'
  const rows = await pods.exchanges(20 * each, isAsked)
  assert.deepEqual(tally(rows), {
    BEGIN: each,
    'SELECT sbtest1': 14 * each,
    'UPDATE sbtest1': 2 * each,
    'DELETE sbtest1': each,
    'INSERT sbtest1': each,
    COMMIT: each,
  })
  const wrong = rows.filter((row) => row.desynchronised || row.truncated || row.error)
  assert.deepEqual(wrong, [])
  assert.deepEqual(new Set(rows.map(({ namespace }) => namespace)), new Set(['shop']))
  // One text each, however it was sent; in the text the space differs.
  const texts = new Set(rows.map(({ query }) => String(query).replaceAll(' ', '')))
  assert.equal(texts.size, 11)
  const prepared = await pods.exchanges(9, ({ method }) => method === 'PREPARE')
  assert.deepEqual(new Set(prepared.map(({ error }) => error)), new Set([undefined]))
})

test(
  'a real MariaDB: errors, procedures, files and databases of its client',
  options,
  async (t) => {
    const pods = new CapturedPods()
    t.after(() => pods.close())
    await startMariadb(t, pods)
    await pods.capture()
    const file = join(pods.directory, 'items.csv')
    writeFileSync(file, Array.from({ length: 3000 }, (_, i) => `${i},"item ${i}"\n`).join(''))
    const said = await script(pods, [
      'CREATE TABLE items (id INT PRIMARY KEY, name TEXT);',
      `LOAD DATA LOCAL INFILE '${file}' INTO TABLE items FIELDS TERMINATED BY ',' ENCLOSED BY '"';`,
      'SELECT COUNT(*) FROM items;',
      'SELECT * FROM items;',
      "INSERT INTO items VALUES (1, 'secret');",
      "SELECT 'secret' FROM nowhere;",
      'SELEKT 1;',
      'DELIMITER //',
      'CREATE PROCEDURE three() BEGIN SELECT 1; SELECT 2; SELECT name FROM items; END//',
      'DELIMITER ;',
      'CALL three();',
      "PREPARE one FROM 'DELETE FROM items WHERE id = ?';",
      'SET @id = 7;',
      'EXECUTE one USING @id;',
      'use mysql',
      'DROP TABLE items;',
      'SELECT 1 FROM user;',
    ])
    const rows = await pods.exchanges(16, ({ protocol }) => protocol === 'mysql')
    const codes = rows.flatMap(({ error }) => error ?? [])
    assert.deepEqual(
      codes,
      Array.from(said.matchAll(/^ERROR (\d+)/gm), ([, code]) => code),
    )
    assert.deepEqual(codes, ['1062', '1146', '1064', '1051'])
    assert.deepEqual(
      rows.map(({ method, target, namespace }) => [method, target, namespace]),
      [
        ['CREATE', 'items', 'shop'],
        ['LOAD', 'items', 'shop'],
        ['SELECT', 'items', 'shop'],
        ['SELECT', 'items', 'shop'],
        ['INSERT', 'items', 'shop'],
        ['SELECT', 'nowhere', 'shop'],
        ['SELEKT', undefined, 'shop'],
        ['CREATE', 'items', 'shop'],
        ['CALL', undefined, 'shop'],
        ['PREPARE', undefined, 'shop'],
        ['SET', undefined, 'shop'],
        ['EXECUTE', undefined, 'shop'],
        ['SELECT', undefined, 'shop'], // DATABASE(): the client makes sure
        ['INIT_DB', undefined, 'shop'],
        ['DROP', 'items', 'mysql'],
        ['SELECT', 'user', 'mysql'],
      ],
    )
    assert.equal(rows.filter((row) => row.desynchronised || row.truncated).length, 0)
    assert.equal(JSON.stringify(rows).includes('secret'), false)
    const [, load, , all, , , , , call] = rows
    assert.ok(Number(load?.request_bytes) > 3000 * 10)
    assert.ok(Number(all?.response_bytes) > 3000 * 10)
    assert.ok(Number(call?.response_bytes) > 3000 * 10)
  },
)

test('a real MariaDB: what it refuses before it has read it all', options, async (t) => {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  await startMariadb(t, pods, ['--max-allowed-packet=1M'])
  await pods.capture()
  // The client's own limit is 16 MiB; it repeats the statement before it says the error.
  const long = `INSERT INTO items VALUES ('${'x'.repeat(4 << 20)}');`
  const said = await script(pods, ['SELECT 1;', long], { filter: ' | tail -c 1000' })
  assert.match(said, /^ERROR \d+ \(\w+\) at line 2: /m)
  await pods.connections(1)
  const rows = await pods.exchanges(2, ({ protocol }) => protocol === 'mysql')
  assert.deepEqual(
    rows.map((row) => [row.method, row.target, row.error, row.desynchronised]),
    [
      ['SELECT', undefined, undefined, undefined],
      ['INSERT', 'items', '1153', undefined],
    ],
  )
})
