/**
 * Prints what a queue on disk holds, and changes nothing; the process that has it may run.
 *
 * Usage: sh tools/node.sh tools/segments.ts DIRECTORY [--records]
 *
 * DIRECTORY is that of `file_storage`, or one queue's folder in it. With --records each record has
 * a line: offset, type, sequence number, items, bytes. docs/STORAGE.md explains them.
 */
import { closeSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  decodeSegmentHeader,
  parseSegmentFileName,
  SEGMENT_HEADER_BYTES,
  type SegmentName,
  VERSION,
} from '../pipeline/storage/format.ts'
import { Ranges } from '../pipeline/storage/ranges.ts'
import { SegmentReader } from '../pipeline/storage/segment_reader.ts'

const { values, positionals } = parseArgs({
  options: { records: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [directory] = positionals
if (directory === undefined || !statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
  console.error('Usage: sh tools/node.sh tools/segments.ts DIRECTORY [--records]')
  process.exit(1)
}

interface Sum {
  records: number
  items: number
  bytes: number
}

/** What is in one folder, last segment first: so what is done is known before it is met. */
function printQueue(folder: string): void {
  const names = readdirSync(folder).filter((name) => parseSegmentFileName(name) !== undefined)
  if (names.length === 0) return
  console.log(`${folder}: segments ${names.length}`)
  const passed = new Ranges()
  const waiting: Sum = { records: 0, items: 0, bytes: 0 }
  const lines: string[] = []
  for (const name of names.sort().reverse()) {
    lines.unshift(...segmentLines(join(folder, name), { passed, waiting }))
  }
  for (const line of lines) console.log(line)
  const { records, items, bytes } = waiting
  console.log(`  not done: ${records} records, ${items} items, ${bytes} bytes`)
}

function segmentLines(path: string, of: { passed: Ranges; waiting: Sum }): string[] {
  const name = parseSegmentFileName(path.split('/').at(-1) as string) as SegmentName
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const reader = new SegmentReader(fd, name.salt)
    const header = decodeSegmentHeader(reader.bytes(0, SEGMENT_HEADER_BYTES), name)
    const version = header === undefined ? 'header DAMAGED' : `format ${header.version}`
    const lines = [`  ${path.split('/').at(-1)}: ${size} bytes, ${version}`]
    if (header !== undefined && header.version !== VERSION) return lines
    return [...lines, ...recordLines(reader, { ...of, size })]
  } finally {
    closeSync(fd)
  }
}

function recordLines(
  reader: SegmentReader,
  { passed, waiting, size }: { passed: Ranges; waiting: Sum; size: number },
): string[] {
  const found: { line: string; sequence?: number; sum?: Sum; isMoved?: boolean }[] = []
  let at = SEGMENT_HEADER_BYTES
  const damaged = (to: number) => {
    if (to > at) found.push({ line: `${at}  DAMAGED  ${to - at} bytes` })
  }
  for (let next = reader.next(at, size); next !== undefined; next = reader.next(at, size)) {
    damaged(next.at)
    const { type, sequence, items, payloadBytes: bytes } = next
    const payload = reader.payload(next)
    if (payload === undefined) found.push({ line: `${next.at}  DAMAGED  ${bytes} bytes` })
    else if (type === 'done') {
      const done = new Ranges()
      done.addEncoded(payload)
      passed.addEncoded(payload)
      found.push({ line: `${next.at}  done  ${done}` })
    } else {
      const line = `${next.at}  ${type}  sequence ${sequence}  items ${items}  bytes ${bytes}`
      found.push({ line, sequence, sum: { records: 1, items, bytes }, isMoved: type === 'moved' })
    }
    at = next.end
  }
  damaged(size)
  return found.flatMap(({ line, sequence, sum, isMoved }) => {
    const isPassed = sequence !== undefined && passed.has(sequence)
    if (sum !== undefined && !isPassed) {
      for (const key of ['records', 'items', 'bytes'] as const) waiting[key] += sum[key]
    }
    // An original whose copy is there is as good as done.
    if (sequence !== undefined && isMoved === true) passed.add(sequence)
    const isShown = values.records || line.includes('DAMAGED')
    return isShown ? [`    ${line}${isPassed ? '  (done)' : ''}`] : []
  })
}

for (const folder of [directory, ...subfolders(directory)]) printQueue(folder)

function subfolders(of: string): string[] {
  return readdirSync(of, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(of, name))
    .sort()
}
