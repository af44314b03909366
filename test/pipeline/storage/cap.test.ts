/** The size cap, and how room is made. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { append, newFolder, openLog, segmentsIn, snapshot, texts, turn } from './logs.ts'

const KIB = 1024
const TIGHT = { limits: { maxBytes: 64 * KIB, segmentBytes: 8 * KIB } }

function sizeOf(folder: string): number {
  return segmentsIn(folder).reduce((sum, path) => sum + statSync(path).size, 0)
}

test('full of records that wait, the log refuses, and takes more as soon as some are done', async () => {
  const folder = newFolder()
  const { log, budget, refused } = await openLog(folder, TIGHT)
  const record = { items: 1, parts: [Buffer.alloc(1000, 'w')] }
  let taken = 0
  while ((await log.append(record)).kind === 'ok') taken++
  assert.equal(taken, 55)
  assert.deepEqual(await log.append(record), {
    kind: 'retryable',
    reason:
      `the storage is full: ${budget.used} of 65536 bytes (max_size_mib) are used, ` +
      'and 8192 are kept to make room with',
  })
  assert.deepEqual(refused, ['size', 'size'])
  for (let i = 0; i < 10; i++) log.done(log.lease()!.entry)
  assert.equal((await log.append(record)).kind, 'ok')
  assert.equal(sizeOf(folder), budget.used)
  log.close()
  const again = await openLog(folder, TIGHT)
  assert.equal(again.log.held.records, taken - 10 + 1)
  assert.equal(again.budget.used, sizeOf(folder))
  again.log.close()
})

test('a record that can never fit is refused for good', async () => {
  const { log } = await openLog(newFolder(), TIGHT)
  const outcome = await log.append({ items: 1, parts: [Buffer.alloc(60 * KIB)] })
  assert.equal(outcome.kind, 'permanent')
  assert.equal((await log.append({ items: 1, parts: [Buffer.alloc(50 * KIB)] })).kind, 'ok')
  log.close()
})

test('while the oldest is stuck, the log goes on within its cap', async () => {
  const folder = newFolder()
  const { log, refused, budget } = await openLog(folder, TIGHT)
  for (const text of ['stuck 0', 'stuck 1', 'stuck 2']) append(log, text)
  const stuck = [log.lease()!, log.lease()!, log.lease()!]
  for (let i = 0; i < 2000; i++) {
    append(log, String(i).padEnd(500, '.'))
    log.done(log.lease()!.entry)
    if (i % 10 === 0) await turn()
    assert.ok(budget.used <= 64 * KIB)
    if (i % 100 === 0) assert.equal(sizeOf(folder), budget.used)
  }
  await turn()
  assert.deepEqual(refused, [])
  const after = await openLog(snapshot(folder), TIGHT)
  assert.deepEqual(texts(after.log), ['stuck 0', 'stuck 1', 'stuck 2'])
  after.log.close()
  log.release(stuck[1]!.entry)
  assert.equal(log.lease()?.payload.toString(), 'stuck 1', 'read where it is now')
  for (const { entry } of stuck) log.done(entry)
  assert.equal(log.held.records, 0)
  log.close()
  const empty = await openLog(folder, TIGHT)
  assert.equal(empty.log.held.records, 0, 'and it is done where it was, too')
  empty.log.close()
})

test('many small records behind a stuck one do not fill the log with what is done', async () => {
  const folder = newFolder()
  const { log, refused, budget } = await openLog(folder, TIGHT)
  append(log, 'stuck')
  log.lease()
  for (let i = 0; i < 5000; i++) {
    append(log, 's')
    log.done(log.lease()!.entry)
    await turn()
    assert.ok(budget.used <= 64 * KIB)
  }
  assert.deepEqual(refused, [])
  const after = await openLog(snapshot(folder), TIGHT)
  assert.deepEqual(texts(after.log), ['stuck'])
  after.log.close()
  log.close()
})

test('killed between the copy of a survivor and the end of the original, it comes once', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder, TIGHT)
  append(log, 'survivor')
  log.lease()
  const [head] = segmentsIn(folder)
  const kept = join(folder, '..', basename(head!))
  for (let i = 0; existsSync(head!); i++) {
    append(log, String(i).padEnd(500, '.'))
    if (existsSync(head!)) copyFileSync(head!, kept)
    log.done(log.lease()!.entry)
    assert.ok(i < 1000, 'the head is given up')
  }
  await turn()
  const copy = snapshot(folder)
  copyFileSync(kept, join(copy, basename(head!)))
  const after = await openLog(copy, TIGHT)
  assert.deepEqual(texts(after.log), ['survivor'])
  assert.ok(!existsSync(join(copy, basename(head!))), 'what is left of the original goes')
  after.log.close()
  log.close()
})

test('what is all done makes room for a large record, though it is the end of the log', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder, { limits: { maxBytes: 64 * KIB, segmentBytes: 32 * KIB } })
  for (let i = 0; i < 30; i++) append(log, String(i).padEnd(900, '.'))
  for (let i = 0; i < 30; i++) log.done(log.lease()!.entry)
  append(log, 'x'.repeat(45 * KIB))
  assert.equal(log.lease()?.payload.length, 45 * KIB)
  assert.equal(segmentsIn(folder).length, 1)
  const after = await openLog(snapshot(folder), TIGHT)
  assert.equal(after.log.held.records, 1)
  after.log.close()
  log.close()
})

test('the cap is one for all logs of a directory, and each gives up what it can spare', async () => {
  const one = await openLog(newFolder(), TIGHT)
  append(one.log, 'stuck')
  one.log.lease()
  for (let i = 0; i < 90; i++) {
    append(one.log, String(i).padEnd(500, '.'))
    one.log.done(one.log.lease()!.entry)
  }
  const used = one.budget.used
  assert.ok(used > 40 * KIB)
  // Room that another log asks for.
  assert.ok(one.budget.hasRoomFor(40 * KIB))
  assert.ok(one.budget.used < used - 20 * KIB)
  one.log.close()
})
