import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { folderName } from '../../pipeline/storage/folder_name.ts'
import { segmentFileName } from '../../pipeline/storage/format.ts'
import { Ranges } from '../../pipeline/storage/ranges.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { append, openLog, segmentsIn, texts, turn } from '../pipeline/storage/logs.ts'

const directory = temporaryDirectory('segments')
after(() => removeDirectory(directory))
let folders = 0
const newFolder = () => join(directory, String(folders++))
const SMALL = { limits: { segmentBytes: 500, maxBytes: 2 ** 20 } }

/** Opens, reads all, appends, and does so once more. */
async function use(folder: string): Promise<void> {
  const { log } = await openLog(folder, SMALL)
  const before = texts(log)
  assert.equal(log.held.records, before.length)
  append(log, 'new')
  log.close()
  const again = await openLog(folder, SMALL)
  const found = texts(again.log)
  assert.deepEqual(found, [...before, 'new'])
  again.log.close()
}

const name = fc.record({ number: fc.integer({ min: 0, max: 2 ** 32 }), salt: fc.nat(0xffffffff) })

test('any bytes as segments open as a log that works', async () => {
  const file = fc.record({ name, bytes: fc.uint8Array({ maxLength: 300 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 4 }), async (files) => {
      const folder = newFolder()
      mkdirSync(folder)
      for (const { name, bytes } of files) writeFileSync(join(folder, segmentFileName(name)), bytes)
      await use(folder)
    }),
    { numRuns: 300 },
  )
})

/** The segments of a real log. */
async function realSegments(): Promise<{ name: string; bytes: Buffer }[]> {
  const folder = newFolder()
  const { log } = await openLog(folder, SMALL)
  for (let i = 0; i < 20; i++) append(log, `${i} ${'v'.repeat(i * 5)}`)
  for (let i = 0; i < 5; i++) {
    const lease = log.lease()!
    if (i > 0) log.done(lease.entry)
  }
  await turn()
  log.close()
  return segmentsIn(folder).map((path) => ({
    name: path.split('/').at(-1) as string,
    bytes: readFileSync(path),
  }))
}

test('damaged, mixed, repeated and missing pieces of a log open as a log that works', async () => {
  const segments = await realSegments()
  const damage = fc.record({
    segment: fc.nat(segments.length - 1),
    kind: fc.constantFrom('flip', 'cut', 'insert', 'repeat', 'remove', 'zero'),
    at: fc.nat(600),
    length: fc.nat(80),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 6 }), async (damages) => {
      const files = new Map(segments.map(({ name, bytes }) => [name, bytes]))
      for (const { segment, kind, at, length } of damages) {
        const { name } = segments[segment]!
        const bytes = files.get(name)
        if (bytes !== undefined) files.set(name, damaged(bytes, { kind, at, length }))
        if (kind === 'remove') files.delete(name)
      }
      const folder = newFolder()
      mkdirSync(folder)
      for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
      await use(folder)
    }),
    { numRuns: 300 },
  )
})

function damaged(bytes: Buffer, of: { kind: string; at: number; length: number }): Buffer {
  const at = of.at % (bytes.length + 1)
  const end = Math.min(bytes.length, at + of.length)
  const [before, piece, rest] = [
    bytes.subarray(0, at),
    bytes.subarray(at, end),
    bytes.subarray(end),
  ]
  if (of.kind === 'cut') return before
  if (of.kind === 'insert') return Buffer.concat([before, Buffer.alloc(of.length, 7), piece, rest])
  if (of.kind === 'repeat') return Buffer.concat([before, piece, piece, rest])
  if (of.kind === 'zero') return Buffer.concat([before, Buffer.alloc(piece.length), rest])
  const flipped = Buffer.from(bytes)
  if (at < flipped.length) flipped[at]! ^= 1 << (of.length % 8)
  return flipped
}

test('ranges hold what was added, whatever the order, as few as can be', () => {
  const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), (added) => {
      const ranges = new Ranges()
      const expected = new Set<number>()
      for (const [first, more] of added) {
        ranges.add(first, first + more)
        for (let n = first; n <= first + more; n++) expected.add(n)
      }
      const copy = new Ranges()
      for (const payload of ranges.encode()) copy.addEncoded(payload)
      let runs = 0
      for (let n = 0; n <= 70; n++) {
        assert.equal(ranges.has(n), expected.has(n))
        assert.equal(copy.has(n), expected.has(n))
        if (expected.has(n) && !expected.has(n - 1)) runs++
      }
      assert.equal(ranges.count, runs)
      assert.equal(ranges.max, Math.max(0, ...expected))
    }),
  )
})

test('no two queues have one folder, and each is one that a file system can have', () => {
  const queueName = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 400 }))
  fc.assert(
    fc.property(queueName, queueName, (one, two) => {
      const folder = folderName(one)
      assert.match(folder, /^[A-Za-z0-9._~-]{1,255}$/)
      assert.doesNotMatch(folder, /^\.+$/)
      assert.equal(folder === folderName(two), one === two)
    }),
    { numRuns: 2000 },
  )
  assert.equal(folderName('exporter/otlp/ä~/traces'), 'exporter~002Fotlp~002F~00E4~007E~002Ftraces')
})
