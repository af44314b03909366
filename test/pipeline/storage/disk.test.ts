/** Disks that are full, read-only, or taken away; files that somebody deletes. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { collector } from '../../../pipeline/memory.ts'
import { temporaryDirectory } from '../../kit/processes.ts'
import { skipUnless } from '../../kit/requirements.ts'
import { append, newFolder, openLog, segmentsIn, snapshot, texts, turn } from './logs.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = skipUnless(isRoot ? undefined : 'Cannot mount as this is not root: use sudo')
const MIB = 2 ** 20

/** A disk of a megabyte, unmounted when the test is over. */
function smallDisk(t: TestContext): string {
  const directory = temporaryDirectory('disk')
  const mount = (...args: string[]) => {
    const { status, stderr } = spawnSync(args[0] as string, args.slice(1), { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  mount('mount', '-t', 'tmpfs', '-o', 'size=1m', 'flowspan-test', directory)
  t.after(() => mount('umount', '-l', directory))
  return directory
}

test('a full disk: nothing accepted is lost, and it goes on when there is room', {
  skip: needsRoot,
}, async (t) => {
  const disk = smallDisk(t)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(MIB / 2))
  const folder = join(disk, 'queue')
  const { log, refused, problems } = await openLog(folder, {
    limits: { segmentBytes: MIB / 8 },
  })
  const accepted: string[] = []
  const tryOne = (i: number) => {
    const text = `${i} ${'d'.repeat((i * 7919) % 9000)}`
    const outcome = log.append({ items: 1, parts: [Buffer.from(text)] })
    assert.ok('kind' in outcome)
    if (outcome.kind === 'ok') accepted.push(text)
    return outcome
  }
  let i = 0
  while (tryOne(i).kind === 'ok') i++
  assert.ok(accepted.length > 50)
  const outcome = tryOne(i)
  assert.equal(outcome.kind, 'retryable')
  assert.match('reason' in outcome ? outcome.reason : '', /^cannot .*: (the disk is full|only \d+)/)
  assert.deepEqual(refused.slice(0, 2), ['disk', 'disk'])
  // As it would be found if the process was killed now.
  const copy = await openLog(snapshot(folder))
  assert.deepEqual({ ...copy.log.damage }, { records: 0, bytes: 0, tornBytes: 0 })
  assert.deepEqual(texts(copy.log), accepted)
  copy.log.close()
  // What is done cannot be said now: it is said later.
  const early = [log.lease()!, log.lease()!]
  for (const { entry } of early) log.done(entry)
  await turn()
  unlinkSync(join(disk, 'filler'))
  for (i++; i < 150; i++) tryOne(i)
  assert.equal(problems.at(-1), undefined, 'and it is known that the disk is well')
  const last = await openLog(snapshot(folder))
  assert.deepEqual(texts(last.log), accepted.slice(2))
  last.log.close()
  assert.deepEqual(texts(log), accepted.slice(2))
  log.close()
})

test('a full disk lets a queue be emptied, and that makes room', { skip: needsRoot }, async (t) => {
  const folder = join(smallDisk(t), 'queue')
  const { log } = await openLog(folder, { limits: { segmentBytes: MIB / 8 } })
  const record = { items: 1, parts: [Buffer.alloc(5000, 'e')] }
  let taken = 0
  while ((await log.append(record)).kind === 'ok') taken++
  assert.equal(statfsSync(folder).bfree * statfsSync(folder).bsize < 6000, true)
  for (let i = 0; i < taken; i++) log.done(log.lease()!.entry)
  await turn()
  assert.equal(log.held.records, 0)
  assert.equal((await log.append(record)).kind, 'ok')
  assert.equal(segmentsIn(folder).length, 1)
  log.close()
})

test('a disk that becomes read-only refuses, and what was accepted can be read', {
  skip: needsRoot,
}, async (t) => {
  const disk = smallDisk(t)
  const folder = join(disk, 'queue')
  const { log } = await openLog(folder, { limits: { segmentBytes: 4096 } })
  for (let i = 0; i < 10; i++) append(log, String(i).padEnd(1000, '.'))
  log.close()
  const remount = (how: string) => spawnSync('mount', ['-o', `remount,${how}`, disk]).status
  assert.equal(remount('ro'), 0)
  await assert.rejects(openLog(folder), /EROFS/)
  assert.equal(remount('rw'), 0)
  const after = await openLog(folder)
  assert.equal(texts(after.log).length, 10)
  after.log.close()
})

test('a file that is deleted while it is written to costs nothing', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder, { lookIntervalMs: 0 })
  for (const text of ['a', 'b', 'c', 'd']) append(log, text)
  const [a, b] = [log.lease()!, log.lease()!]
  log.done(a.entry)
  rmSync(folder, { recursive: true })
  append(log, 'e')
  assert.equal(log.held.records, 4)
  const after = await openLog(snapshot(folder))
  assert.deepEqual(texts(after.log), ['b', 'c', 'd', 'e'])
  after.log.close()
  assert.deepEqual(texts(log), ['c', 'd', 'e'])
  log.done(b.entry)
  assert.equal(log.held.records, 3)
  assert.equal(log.damage.records, 0)
  log.close()
})

test('file descriptors are a handful, however long the queue is', async () => {
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  const folder = newFolder()
  const { log } = await openLog(folder, { limits: { segmentBytes: 4096 } })
  for (let i = 0; i < 400; i++) append(log, String(i).padEnd(1000, '.'))
  for (let i = 0; i < 200; i++) log.lease()
  assert.ok(segmentsIn(folder).length > 100)
  assert.ok(open() - before <= 2, `${open() - before} more`)
  log.close()
  log.close()
  assert.equal(open(), before)
})

test('what waits takes no memory', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder)
  const parts = [Buffer.alloc(10, 'm')]
  const fill = (count: number) => {
    for (let i = 0; i < count; i++) log.append({ items: 1, parts })
  }
  const collect = collector()
  fill(20_000)
  collect()
  const before = process.memoryUsage().heapUsed
  fill(200_000)
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / 200_000
  assert.ok(bytes < 2, `${bytes} bytes a record`)
  assert.equal(log.held.records, 220_000)
  log.close()
})
