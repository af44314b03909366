import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { append, newFolder, openLog, segmentsIn, turn } from '../pipeline/storage/logs.ts'

const TOOL = join(import.meta.dirname, '../../tools/segments.ts')

function inspect(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [TOOL, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('`tools/segments.ts` prints each record of a log, and what of it is not done', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder, { limits: { segmentBytes: 200 } })
  for (const text of ['first', 'second', 'third', 'fourth']) append(log, text, 2)
  log.done(log.lease()!.entry)
  log.lease()
  log.done(log.lease()!.entry)
  await turn()
  const [one, two] = segmentsIn(folder)
  const bytes = readFileSync(one!)
  bytes[32 + 5]! ^= 1
  writeFileSync(one!, bytes)
  const before = segmentsIn(folder).map((path) => readFileSync(path))
  // The directory of all queues; this one is in use at the same time.
  const { status, stdout } = inspect(dirname(folder), '--records')
  assert.equal(status, 0)
  assert.deepEqual(stdout.split('\n'), [
    `${folder}: segments 2`,
    `  ${one!.split('/').at(-1)}: 182 bytes, format 1`,
    '    32  DAMAGED  37 bytes',
    '    69  data  sequence 2  items 2  bytes 6',
    '    107  data  sequence 3  items 2  bytes 5  (done)',
    '    144  data  sequence 4  items 2  bytes 6',
    `  ${two!.split('/').at(-1)}: 88 bytes, format 1`,
    '    32  done  1 3',
    '  not done: 2 records, 4 items, 12 bytes',
    '',
  ])
  assert.deepEqual(
    segmentsIn(folder).map((path) => readFileSync(path)),
    before,
  )
  log.close()
})

test('`tools/segments.ts` without a directory says how it is used', () => {
  const { status, stderr } = inspect('/no/such/directory')
  assert.equal(status, 1)
  assert.match(stderr, /^Usage: /)
})
