/**
 * What it costs to keep a record on disk, beside the plain writes of as many bytes.
 *
 * Each figure is the median of rounds in which all ways take turns, so that what else the machine
 * does hits all of them; ratios are medians of the rounds' own ratios. Files are on the file system
 * of the temporary directory.
 */
import {
  closeSync,
  fdatasync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
  writev,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import { Budget } from '../pipeline/storage/budget.ts'
import { SegmentLog } from '../pipeline/storage/segment_log.ts'
import { describeMachine } from './machine.ts'
import { median } from './statistics.ts'

const ROUNDS = 9
const SIZES = [200, 4096, 65_536]
/** Written in one way in one round. */
const ROUND_BYTES = 24 * 2 ** 20
const ROUND_RECORDS_MAX = 20_000
const SYNCS = 64
const TOGETHER = 32
const SEGMENT_BYTES = 16 * 2 ** 20
const RESTORED_BYTES = 256 * 2 ** 20

const directory = mkdtempSync(join(tmpdir(), 'flowspan-bench-'))
process.on('exit', () => rmSync(directory, { recursive: true }))
const onDisk = promisify(fdatasync)
const writeTogether = promisify(writev)
let files = 0
const newPath = () => join(directory, String(files++))

async function openLog(folder: string, fsync = false): Promise<SegmentLog> {
  return await SegmentLog.open({
    folder,
    budget: new Budget({ maxBytes: 2 ** 34, segmentBytes: SEGMENT_BYTES, fsync }),
    logger: pino({ level: 'silent' }),
    onReady() {},
    onDisk() {},
    onRefused() {},
  })
}

type Way = (count: number, bytes: Buffer) => Promise<void>

const append: Way = async (count, bytes) => {
  const log = await openLog(newPath())
  const record = { items: 10, parts: [bytes] }
  for (let i = 0; i < count; i++) log.append(record)
  log.close()
}

/** As a queue is used that keeps up: append, lease, done. */
const cycle: Way = async (count, bytes) => {
  const log = await openLog(newPath())
  const record = { items: 10, parts: [bytes] }
  for (let i = 0; i < count; i++) {
    log.append(record)
    log.done(log.lease()!.entry)
    if (i % 32 === 31) await new Promise(setImmediate)
  }
  log.close()
}

const plain: Way = async (count, bytes) => {
  const fd = openSync(newPath(), 'w')
  for (let i = 0; i < count; i++) writeSync(fd, bytes)
  closeSync(fd)
}

/** One write in another thread for as many records as come together. */
const grouped: Way = async (count, bytes) => {
  const fd = openSync(newPath(), 'w')
  const parts = Array.from({ length: TOGETHER }, () => bytes)
  for (let i = 0; i < count; i += TOGETHER) await writeTogether(fd, parts)
  closeSync(fd)
}

const syncedAppend: Way = async (count, bytes) => {
  const log = await openLog(newPath(), true)
  for (let i = 0; i < count; i++) await log.append({ items: 10, parts: [bytes] })
  log.close()
}

const syncedTogether: Way = async (count, bytes) => {
  const log = await openLog(newPath(), true)
  const record = { items: 10, parts: [bytes] }
  for (let i = 0; i < count; i += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, () => log.append(record)))
  }
  log.close()
}

const syncedPlain: Way = async (count, bytes) => {
  const fd = openSync(newPath(), 'w')
  for (let i = 0; i < count; i++) {
    writeSync(fd, bytes)
    await onDisk(fd)
  }
  closeSync(fd)
}

/** Microseconds a record of each way, round by round. */
async function measure(ways: readonly Way[], of: { count: number; bytes: Buffer }) {
  const us = ways.map((): number[] => [])
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, way] of ways.entries()) {
      const before = performance.now()
      await way(of.count, of.bytes)
      // The first round is for the compiler.
      if (round > 0) us[i]?.push(((performance.now() - before) / of.count) * 1000)
      rmSync(directory, { recursive: true })
      mkdirSync(directory)
    }
  }
  return us
}

/** A row of the table: each way, and how many times the first it takes. */
function row(name: string, us: readonly number[][]): string {
  const [base = []] = us
  const cells = us.map((each, i) => {
    const ratio = median(each.map((value, round) => value / (base[round] as number)))
    return i === 0 ? median(each).toFixed(1) : `${median(each).toFixed(1)} (${ratio.toFixed(2)} ×)`
  })
  return `| ${name} | ${cells.join(' | ')} |`
}

async function restore(): Promise<string> {
  const folder = newPath()
  const log = await openLog(folder)
  const parts = [Buffer.alloc(4096, 'r')]
  while (log.held.bytes < RESTORED_BYTES) log.append({ items: 10, parts })
  log.close()
  const us: number[] = []
  for (let round = 0; round < 5; round++) {
    const before = performance.now()
    const opened = await openLog(folder)
    us.push(performance.now() - before)
    opened.close()
  }
  const { records } = log.held
  return `A log of ${RESTORED_BYTES / 2 ** 20} MiB in ${records} records opens in ${median(us).toFixed(0)} ms`
}

console.log(describeMachine())
console.log('\nMicroseconds a record, in the page cache')
console.log('| record | write | write, 32 at once in a thread | append | append, lease, done |')
console.log('|---|---|---|---|---|')
for (const size of SIZES) {
  const count = Math.min(ROUND_RECORDS_MAX, ROUND_BYTES / size) & ~(TOGETHER - 1)
  const us = await measure([plain, grouped, append, cycle], {
    count,
    bytes: Buffer.alloc(size, 'b'),
  })
  console.log(row(`${size} B`, us))
}
console.log('\nMicroseconds a record, on the disk (fsync)')
console.log('| record | write, fdatasync | append, one by one | append, 32 at once |')
console.log('|---|---|---|---|')
for (const size of SIZES) {
  const ways = [syncedPlain, syncedAppend, syncedTogether]
  const us = await measure(ways, { count: SYNCS, bytes: Buffer.alloc(size, 'b') })
  console.log(row(`${size} B`, us))
}
console.log(`\n${await restore()}`)
