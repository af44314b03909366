/** A log whose bytes are not the ones that were written. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import pino from 'pino'
import {
  decodeRecordHeader,
  encodeSegmentHeader,
  parseSegmentFileName,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from '../../../pipeline/storage/format.ts'
import { append, newFolder, openLog, segmentsIn, snapshot, texts, turn } from './logs.ts'

const SMALL = { limits: { segmentBytes: 600, maxBytes: 2 ** 20 } }

interface Place {
  readonly path: string
  readonly at: number
  readonly end: number
  /** Absent for a header of a segment, and for what says that records are done. */
  readonly text?: string
  readonly isLast: boolean
}

/** Everything that stands in a log, piece by piece. */
function placesIn(folder: string): Place[] {
  return segmentsIn(folder).flatMap((path) => {
    const bytes = readFileSync(path)
    const { salt } = parseSegmentFileName(path.split('/').at(-1) as string)!
    const places: Place[] = [{ path, at: 0, end: SEGMENT_HEADER_BYTES, isLast: false }]
    for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; ) {
      const header = decodeRecordHeader(bytes, at, { salt, at })
      assert.ok(header !== undefined, 'the test reads what the log wrote')
      const end = at + RECORD_HEADER_BYTES + header.payloadBytes
      const isLast = path === segmentsIn(folder).at(-1) && end === bytes.length
      const text = bytes.subarray(at + RECORD_HEADER_BYTES, end).toString()
      places.push({ path, at, end, isLast, ...(header.type === 'data' && { text }) })
      at = end
    }
    return places
  })
}

async function writeLog(): Promise<string> {
  const folder = newFolder()
  const { log } = await openLog(folder, SMALL)
  for (let i = 0; i < 12; i++) append(log, `${i} ${'y'.repeat((i * 31) % 100)}`)
  const leases = Array.from({ length: 6 }, () => log.lease()!)
  for (const { entry } of leases.slice(2)) log.done(entry)
  await turn()
  append(log, 'the last')
  log.close()
  return folder
}

test('each flipped bit costs the record it stands in, is counted, and costs no other', async () => {
  const folder = await writeLog()
  const places = placesIn(folder)
  const clean = await openLog(snapshot(folder), SMALL)
  const live = new Set(texts(clean.log))
  clean.log.close()
  assert.equal(live.size, 9)
  let flips = 0
  for (const [i, place] of places.entries()) {
    const headerEnd = place.at + RECORD_HEADER_BYTES
    for (let at = place.at; at < place.end; at++) {
      // All bits of a third of the headers, and one of each byte of everything else.
      for (let bit = 0; bit < (i % 3 === 0 && at < headerEnd ? 8 : 1); bit++) {
        const original = readFileSync(place.path)
        const bytes = Buffer.from(original)
        bytes[at]! ^= 1 << ((bit + at) % 8)
        writeFileSync(place.path, bytes)
        const { log } = await openLog(snapshot(folder), SMALL)
        writeFileSync(place.path, original)
        const found = texts(log)
        const where = `${place.path.split('/').at(-1)} at ${at}`
        const missing = [...live].filter((text) => !found.includes(text))
        const expected = place.text !== undefined && live.has(place.text) ? [place.text] : []
        assert.deepEqual(missing, expected, where)
        assert.equal(new Set(found).size, found.length, `${where}: nothing comes twice`)
        const { records, bytes: damaged, tornBytes } = log.damage
        const length = place.end - place.at
        if (place.isLast) assert.deepEqual([records, damaged, tornBytes], [0, 0, length], where)
        else {
          const lost = place.at === 0 ? 0 : 1
          assert.deepEqual([records, damaged, tornBytes], [lost, length, 0], where)
        }
        log.close()
        flips++
      }
    }
  }
  assert.ok(flips > 2000, `${flips} flips`)
})

test('a damaged place is logged with file, offset and length', async () => {
  const folder = await writeLog()
  const place = placesIn(folder).find(({ text }) => text?.startsWith('9 '))!
  const bytes = readFileSync(place.path)
  bytes.fill(0xff, place.at, place.end)
  writeFileSync(place.path, bytes)
  const lines: Record<string, unknown>[] = []
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  const { log } = await openLog(folder, { ...SMALL, logger })
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.msg, 'Passed over a damaged place of the log')
  assert.equal(lines[0]?.file, place.path)
  assert.equal(lines[0]?.offset, place.at)
  assert.equal(lines[0]?.bytes, place.end - place.at)
  assert.equal(lines[0]?.records, 1)
  log.close()
})

test('a stretch of damage counts the records in it by the numbers around it', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder)
  for (let i = 0; i < 10; i++) append(log, `record ${i}`)
  log.close()
  const places = placesIn(folder).filter(({ text }) => text !== undefined)
  const bytes = readFileSync(places[0]!.path)
  bytes.fill(0, places[2]!.at, places[6]!.at + 3)
  writeFileSync(places[0]!.path, bytes)
  const after = await openLog(folder)
  assert.deepEqual(
    { ...after.log.damage },
    {
      records: 5,
      bytes: places[6]!.end - places[2]!.at,
      tornBytes: 0,
    },
  )
  const found = texts(after.log)
  assert.deepEqual(
    found,
    [0, 1, 7, 8, 9].map((i) => `record ${i}`),
  )
  after.log.close()
})

test('a log that is sent as telemetry is not mistaken for records', async () => {
  const inner = await writeLog()
  const folder = newFolder()
  const { log } = await openLog(folder)
  const copy = Buffer.concat(segmentsIn(inner).map((path) => readFileSync(path)))
  for (let i = 0; i < 3; i++) log.append({ items: 1, parts: [Buffer.from(`${i} `), copy] })
  log.close()
  const place = placesIn(folder).filter(({ text }) => text !== undefined)[1]!
  const bytes = readFileSync(place.path)
  bytes[place.at + 13]! ^= 1
  writeFileSync(place.path, bytes)
  const after = await openLog(folder)
  assert.deepEqual(
    texts(after.log).map((text) => text.slice(0, 2)),
    ['0 ', '2 '],
  )
  assert.equal(after.log.damage.records, 1)
  after.log.close()
})

test('damage after the log was opened costs the records it hits, and is counted', async () => {
  const folder = newFolder()
  const { log } = await openLog(folder, { limits: { segmentBytes: 4096 } })
  for (let i = 0; i < 40; i++) append(log, String(i).padEnd(300, '.'))
  const segments = segmentsIn(folder)
  assert.ok(segments.length >= 4)
  // One that waits loses its last byte, a file disappears, one is leased and cannot be read again.
  truncateSync(segments[1]!, statSync(segments[1]!).size - 1)
  rmSync(segments[2]!)
  const first = log.lease()!
  const bytes = readFileSync(segments[0]!)
  bytes[first.entry.at + 40]! ^= 1
  writeFileSync(segments[0]!, bytes)
  log.release(first.entry)
  const perSegment = Math.floor(4096 / 332)
  const lost = 1 + 1 + perSegment
  assert.equal(texts(log).length, 40 - lost)
  assert.equal(log.damage.records, lost)
  assert.equal(log.held.records, 40 - lost)
  log.close()
})

test('a segment of a newer format is an error that says so, and nothing is touched', async () => {
  const folder = await writeLog()
  const path = segmentsIn(folder).at(-1) as string
  const bytes = readFileSync(path)
  const name = parseSegmentFileName(path.split('/').at(-1) as string)!
  const header = encodeSegmentHeader(name, 1)
  header.writeUInt16LE(2, 8)
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
  header.copy(bytes)
  writeFileSync(path, Buffer.concat([bytes, Buffer.from('and what a newer one may add')]))
  const before = segmentsIn(folder).map((segment) => readFileSync(segment))
  await assert.rejects(openLog(folder, SMALL), /has format 2 and this flowspan knows 1 alone/)
  const after = segmentsIn(folder).map((segment) => readFileSync(segment))
  assert.deepEqual(after, before)
})

test('what else is in the folder stays as it is', async () => {
  const folder = await writeLog()
  writeFileSync(join(folder, 'notes.txt'), 'mine')
  writeFileSync(join(folder, '0000000001.segment'), 'not a segment')
  mkdirSync(join(folder, '0000000099.00000000.segment'))
  const { log } = await openLog(folder, SMALL)
  assert.equal(log.damage.records + log.damage.bytes, 0)
  assert.equal(texts(log).length, 9)
  assert.equal(readFileSync(join(folder, 'notes.txt'), 'utf8'), 'mine')
  assert.equal(readFileSync(join(folder, '0000000001.segment'), 'utf8'), 'not a segment')
  log.close()
})
