/** The log of a process that was killed: cut off at every byte that it can have come to. */
import assert from 'node:assert/strict'
import { readFileSync, statSync, truncateSync, unlinkSync } from 'node:fs'
import { test } from 'node:test'
import { append, newFolder, openLog, segmentsIn, snapshot, texts, turn } from './logs.ts'

const SMALL = { limits: { segmentBytes: 700, maxBytes: 2 ** 20 } }

interface Step {
  readonly text: string
  /** How long all segments were together, once the record was there. */
  readonly from: number
  /** The same, once the log said that it is done. */
  until: number
}

function lengthOf(folder: string): number {
  return segmentsIn(folder).reduce((sum, path) => sum + statSync(path).size, 0)
}

/** A log of several segments; what was in it when it was as long as that. */
async function writeLog(): Promise<{ folder: string; steps: Step[] }> {
  const folder = newFolder()
  const { log } = await openLog(folder, SMALL)
  const steps = new Map<string, Step>()
  for (let i = 0; i < 34; i++) {
    const text = `${i} ${'x'.repeat((i * 37) % 90)}`
    append(log, text)
    steps.set(text, { text, from: lengthOf(folder), until: Number.POSITIVE_INFINITY })
    if (i % 5 !== 4) continue
    const leases = [log.lease()!, log.lease()!, log.lease()!]
    // The first stays, so that no segment is deleted.
    const finished = leases.slice(i === 4 ? 1 : 0)
    for (const { entry } of finished) log.done(entry)
    await turn()
    for (const { payload } of finished) steps.get(payload.toString())!.until = lengthOf(folder)
  }
  log.close()
  return { folder, steps: [...steps.values()] }
}

/** Only what stands before this place in the sequence of all segments. */
function cutAt(folder: string, length: number): void {
  let left = length
  for (const path of segmentsIn(folder)) {
    const { size } = statSync(path)
    if (left <= 0) unlinkSync(path)
    else if (left < size) truncateSync(path, left)
    left -= size
  }
}

test('cut at any byte, the log holds what was appended and not done until then', async () => {
  const { folder, steps } = await writeLog()
  const length = lengthOf(folder)
  assert.ok(segmentsIn(folder).length >= 5, 'a log of several segments')
  assert.ok(steps.filter(({ until }) => until < length).length > 10, 'records that are done')
  for (let cut = 0; cut <= length; cut++) {
    const copy = snapshot(folder)
    cutAt(copy, cut)
    const expected = steps.filter(({ from, until }) => from <= cut && until > cut)
    const { log } = await openLog(copy, SMALL)
    assert.equal(log.held.records, expected.length, `cut at ${cut}`)
    assert.equal(log.damage.records, 0, `cut at ${cut}`)
    append(log, 'one more')
    const found = texts(log)
    assert.deepEqual(found, [...expected.map(({ text }) => text), 'one more'], `cut at ${cut}`)
    log.close()
    if (cut % 5 !== 0) continue
    const again = await openLog(copy, SMALL)
    assert.equal(again.log.damage.tornBytes, 0, `what was torn is gone, cut at ${cut}`)
    assert.deepEqual(texts(again.log), found, `opened again, cut at ${cut}`)
    again.log.close()
  }
})

test('what is cut off is counted, and only that', async () => {
  const { folder } = await writeLog()
  const last = segmentsIn(folder).at(-1) as string
  const { size } = statSync(last)
  truncateSync(last, size - 5)
  const { log } = await openLog(folder, SMALL)
  assert.ok(log.damage.tornBytes > 5)
  assert.equal(log.damage.tornBytes, size - 5 - readFileSync(last).length)
  assert.equal(log.damage.records + log.damage.bytes, 0)
  log.close()
})
