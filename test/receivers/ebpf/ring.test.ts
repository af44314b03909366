/** The ring's reader against a model of the kernel's writer (kernel/bpf/ringbuf.c). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { RingReader } from '../../../receivers/ebpf/ring.ts'

const PAGE = 4096
const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000

/** Writes as the kernel does, into memory that holds the data twice. */
class Writer {
  readonly consumer = new ArrayBuffer(PAGE)
  readonly producer: ArrayBuffer
  readonly #bytes: number
  #position: number

  constructor(bytes: number, position = 0) {
    this.#bytes = bytes
    this.#position = position
    this.producer = new ArrayBuffer(PAGE + 2 * bytes)
    this.#publish()
    new BigUint64Array(this.consumer)[0] = BigInt(position)
  }

  get consumed(): number {
    return Number(new BigUint64Array(this.consumer)[0])
  }

  /** Returns where the record begins, or undefined when there is no room. */
  write(payload: Uint8Array, flags = 0): number | undefined {
    const size = 8 + Math.ceil(payload.length / 8) * 8
    if (this.#position + size - this.consumed > this.#bytes - 1) return undefined
    const at = this.#position
    this.header(at, payload.length, flags)
    for (const [i, byte] of payload.entries()) this.#set(at + 8 + i, byte)
    this.#position += size
    this.#publish()
    return at
  }

  header(at: number, length: number, flags: number): void {
    const word = Buffer.alloc(4)
    word.writeUInt32LE((length | flags) >>> 0)
    for (const [i, byte] of word.entries()) this.#set(at + i, byte)
  }

  #set(position: number, byte: number): void {
    const data = new Uint8Array(this.producer, PAGE)
    data[position % this.#bytes] = byte
    data[(position % this.#bytes) + this.#bytes] = byte
  }

  #publish(): void {
    new BigUint64Array(this.producer)[0] = BigInt(this.#position)
  }
}

function reading(writer: Writer) {
  const reader = new RingReader(writer.consumer, writer.producer, PAGE)
  const seen: string[] = []
  const take = (view: DataView, at: number, length: number) => {
    seen.push(Buffer.from(new Uint8Array(view.buffer, view.byteOffset + at, length)).toString())
  }
  return { reader, seen, take }
}

const bytes = (text: string) => Buffer.from(text)

suite('RingReader', () => {
  test('hands over records in order and gives their room back', () => {
    const writer = new Writer(4096)
    const { reader, seen, take } = reading(writer)
    for (const text of ['a', 'twelve bytes', '']) writer.write(bytes(text))
    assert.equal(reader.pending(), 16 + 24 + 8)
    assert.equal(reader.drain(take), 3)
    assert.deepEqual(seen, ['a', 'twelve bytes', ''])
    assert.equal(reader.pending(), 0)
    assert.equal(writer.consumed, 48)
  })

  test('skips discarded records and does not count them', () => {
    const writer = new Writer(4096)
    const { reader, seen, take } = reading(writer)
    writer.write(bytes('a'))
    writer.write(bytes('discarded'), DISCARD)
    writer.write(bytes('b'))
    assert.equal(reader.drain(take), 2)
    assert.deepEqual(seen, ['a', 'b'])
  })

  test('stops at a record that is being written, and goes on once it is complete', () => {
    const writer = new Writer(4096)
    const { reader, seen, take } = reading(writer)
    writer.write(bytes('a'))
    const busy = writer.write(bytes('b'), BUSY) as number
    writer.write(bytes('c'))
    assert.equal(reader.drain(take), 1)
    assert.equal(reader.position(), busy)
    writer.header(busy, 1, 0)
    assert.equal(reader.drain(take), 2)
    assert.deepEqual(seen, ['a', 'b', 'c'])
  })

  test('hands over no more than the limit, and nothing from a snapshot on', () => {
    const writer = new Writer(4096)
    const { reader, seen, take } = reading(writer)
    for (const text of ['a', 'b', 'c']) writer.write(bytes(text))
    const until = reader.snapshot()
    writer.write(bytes('later'))
    assert.equal(reader.drain(take, { limit: 2, until }), 2)
    assert.ok(reader.position() < until)
    assert.equal(reader.drain(take, { until }), 1)
    assert.equal(reader.position(), until)
    assert.equal(reader.drain(take, { until }), 0)
    assert.deepEqual(seen, ['a', 'b', 'c'])
  })

  test('a successor goes on where its predecessor stopped', () => {
    const writer = new Writer(4096)
    const first = reading(writer)
    writer.write(bytes('a'))
    writer.write(bytes('b'))
    first.reader.drain(first.take, { limit: 1 })
    const second = reading(writer)
    second.reader.drain(second.take)
    assert.deepEqual(second.seen, ['b'])
  })

  test('in the midst of a drain gives back what was handed over before, when asked to', () => {
    const writer = new Writer(4096)
    for (const text of ['first', 'second', 'third']) writer.write(bytes(text))
    const { reader } = reading(writer)
    const successors: string[][] = []
    reader.drain(() => {
      reader.commit()
      const successor = reading(writer)
      successor.reader.drain(successor.take)
      successors.push(successor.seen)
      // Only to look: this reader is the one.
      reader.commit()
    })
    assert.deepEqual(successors, [['first', 'second', 'third'], ['second', 'third'], ['third']])
    assert.equal(reading(writer).reader.pending(), 0)
  })

  test('counts a record as handed over when its taker throws', () => {
    const writer = new Writer(4096)
    const { reader, seen, take } = reading(writer)
    writer.write(bytes('bad'))
    writer.write(bytes('good'))
    const fail = () => {
      throw new Error('taker')
    }
    assert.throws(() => reader.drain(fail), /taker/)
    assert.equal(reader.drain(take), 1)
    assert.deepEqual(seen, ['good'])
  })

  test('refuses a record that is longer than the ring', () => {
    const writer = new Writer(4096)
    const { reader, take } = reading(writer)
    const at = writer.write(bytes('a')) as number
    writer.header(at, 5000, 0)
    assert.throws(() => reader.drain(take), /Ring is damaged: a record of 5000 bytes in 4096/)
  })

  // Far positions: past 2^32 the place is still the position modulo the size.
  for (const start of [0, 2 ** 32 - 64, 2 ** 45]) {
    test(`hands over what was written, whatever is written and drained when (from ${start})`, () => {
      const step = fc.record({
        text: fc.string({ maxLength: 300 }),
        discard: fc.boolean(),
        limit: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
      })
      const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const writer = new Writer(4096, start)
        const { reader, seen, take } = reading(writer)
        const written: string[] = []
        for (const { text, discard, limit } of steps) {
          const at = writer.write(bytes(text), discard ? DISCARD : 0)
          if (at !== undefined && !discard) written.push(text)
          if (limit !== undefined) reader.drain(take, { limit })
        }
        reader.drain(take)
        assert.deepEqual(seen, written)
        assert.equal(reader.pending(), 0)
      })
      fc.assert(property, { numRuns: 200 })
    })
  }
})
