import assert from 'node:assert/strict'
import { test } from 'node:test'
import { append, newFolder, openLog, segmentsIn, snapshot, texts, turn } from './logs.ts'

test('records come back in order, and after a kill those that were not done', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder)
  for (const text of ['a', 'b', 'c', 'd']) append(log, text, 2)
  assert.deepEqual({ ...log.held }, { records: 4, items: 8, bytes: 4 })
  const [a, b, c] = [log.lease(), log.lease(), log.lease()]
  assert.equal(`${a?.payload}${b?.payload}${c?.payload}`, 'abc')
  log.done(b!.entry)
  log.release(c!.entry)
  assert.deepEqual({ ...log.held }, { records: 3, items: 6, bytes: 3 })
  assert.equal(log.lease()?.payload.toString(), 'c')
  await turn()
  const after = await openLog(snapshot(folder))
  assert.deepEqual({ ...after.log.restored }, { records: 3, items: 6, bytes: 3 })
  assert.deepEqual(texts(after.log), ['a', 'c', 'd'])
  log.close()
  after.log.close()
})

test('segments are deleted from the head as soon as all in them is done', async () => {
  const folder = newFolder()
  const { log, budget } = await openLog(folder, { limits: { segmentBytes: 4096 } })
  for (let i = 0; i < 40; i++) append(log, String(i).padEnd(900, '.'))
  assert.equal(segmentsIn(folder).length, 10)
  const leases = Array.from({ length: 40 }, () => log.lease()!)
  for (const { entry } of leases.slice(1)) log.done(entry)
  assert.equal(segmentsIn(folder).length, 10)
  log.done(leases[0]!.entry)
  assert.equal(segmentsIn(folder).length, 1)
  assert.equal(budget.used, log.diskBytes)
  assert.deepEqual({ ...log.held }, { records: 0, items: 0, bytes: 0 })
  log.close()
})
