/**
 * Recordings come from elsewhere: whatever is in the file, reading it ends, throws nothing, and
 * gives nothing that was not there.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  BLOCK,
  BLOCK_HEAD_BYTES,
  blockHead,
  ENCODING,
  ENTRY,
  fileHeader,
} from '../../pipeline/kernel_events/recording/format.ts'
import { Entries } from '../../pipeline/kernel_events/recording/player.ts'
import { type Block, RecordingReader } from '../../pipeline/kernel_events/recording/reader.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { play } from '../receivers/replay/play.ts'
import { liveABit, Recording } from '../receivers/replay/recorded.ts'

const directory = temporaryDirectory('recordings')
after(() => removeDirectory(directory))

let whole: Buffer
let blocks: readonly Block[]

before(async () => {
  const file = join(directory, 'whole')
  const recording = new Recording(file)
  liveABit(recording, { exchanges: 20 })
  await recording.stop()
  whole = readFileSync(file)
  blocks = read(whole).blocks
  assert.ok(blocks.length >= 3)
})

/** `chunk`: how much of the file comes at a time. */
function read(bytes: Buffer, chunk = bytes.length): { blocks: Block[]; reader: RecordingReader } {
  const reader = new RecordingReader()
  const blocks: Block[] = []
  for (let at = 0; at < bytes.length; at += chunk) {
    reader.feed(bytes.subarray(at, at + chunk))
    for (let block = reader.next(); block !== undefined; block = reader.next()) blocks.push(block)
  }
  reader.finish()
  return { blocks, reader }
}

const isPrefix = (some: readonly Block[]) =>
  some.every(({ type, content }, at) => {
    const of = blocks[at]
    return of?.type === type && of.content.equals(content)
  })

test('a recording that is cut, at every byte, gives the blocks before the cut', () => {
  for (let length = 0; length <= whole.length; length++) {
    const { blocks: some, reader } = read(whole.subarray(0, length))
    assert.ok(isPrefix(some), `${length}`)
    assert.equal(reader.bad === undefined, reader.bytes === length, `${length}`)
  }
})

test('however a recording is cut into chunks, it is the same', () => {
  for (const chunk of [1, 7, 4096]) assert.equal(read(whole, chunk).blocks.length, blocks.length)
})

test('a bit that flips is found, and what is before its block counts', () => {
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(7), (at, bit) => {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] as number) ^ (1 << bit)
      const { blocks: some, reader } = read(bytes)
      // Behind the version the header has bytes that mean nothing yet.
      if (at >= 10 && at < 16) return some.length === blocks.length
      return isPrefix(some) && some.length < blocks.length && reader.bad !== undefined
    }),
    { numRuns: 500 },
  )
})

/** A file that its maker meant to be so: its checksums are right. */
function file(contents: readonly { type: number; content: Buffer }[]): Buffer {
  const parts = contents.flatMap(({ type, content }) => {
    const sizes = { stored: content.length, content: content.length }
    return [blockHead({ ...sizes, type, encoding: ENCODING.none }, content), content]
  })
  return Buffer.concat([fileHeader(), ...parts])
}

const entry = fc
  .tuple(
    fc.oneof(fc.constantFrom(...Object.values(ENTRY)), fc.nat(255)),
    fc.uint8Array({ maxLength: 400 }),
  )
  .map(([kind, body]) => {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(((body.length << 8) | kind) >>> 0)
    return Buffer.concat([head, body])
  })

/** Of the real recording, with some bytes exchanged. */
const mutated = fc.array(fc.tuple(fc.nat(20_000), fc.nat(255)), { maxLength: 8 }).map((changes) => {
  const content = Buffer.from(blocks[1]?.content ?? [])
  for (const [at, value] of changes) content[at % content.length] = value
  return content
})

test('entries that a forger wrote are played, or are the end', async () => {
  const path = join(directory, 'forged')
  const begin = { type: BLOCK.begin, content: blocks[0]?.content ?? Buffer.alloc(0) }
  const content = fc.oneof(
    fc.array(entry).map((entries) => Buffer.concat(entries)),
    mutated,
  )
  await fc.assert(
    fc.asyncProperty(content, async (content) => {
      writeFileSync(path, file([begin, { type: BLOCK.entries, content }]))
      const { ledger } = await play(path)
      assert.equal(ledger.notes.get('recording_damaged'), 1, 'nothing says its end')
      const { in: taken, out, used, lost } = ledger.entry()
      const sum = (counts: Record<string, number>) =>
        Object.values(counts).reduce((total, count) => total + count, 0)
      return taken === out + sum(used) + sum(lost)
    }),
    { numRuns: 150 },
  )
})

test('a first block that a forger wrote is refused, or is played', async () => {
  const path = join(directory, 'begun')
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.anything()), async (value) => {
      const content = Buffer.from(JSON.stringify(value) ?? 'undefined')
      writeFileSync(path, file([{ type: BLOCK.begin, content }]))
      await assert.rejects(play(path), /cannot be read/)
    }),
    { numRuns: 100 },
  )
})

test('a block that claims to be large costs nothing', () => {
  const head = Buffer.alloc(BLOCK_HEAD_BYTES, 0xff)
  const { blocks: none, reader } = read(Buffer.concat([fileHeader(), head]))
  assert.equal(none.length, 0)
  assert.equal(reader.bad?.reason, 'no block begins here')
  const entries = new Entries(Buffer.from([ENTRY.connection, 0xff, 0xff, 0xff, 1]))
  assert.equal(entries.next(), false)
  assert.equal(entries.bad, 'an entry is cut')
})
