import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Delivery, Direction } from '../../../receivers/pcap/tcp/direction.ts'
import { EarlyBudget } from '../../../receivers/pcap/tcp/out_of_order.ts'
import { Segment, TCP_FLAG } from '../../../receivers/pcap/wire/segment.ts'

const ISN = 0xffff_ff00 // the numbers wrap within the first bytes

class Sender {
  readonly pieces: { offset: number; text: string; length: number }[] = []
  readonly direction: Direction
  ms = 0

  constructor(bytesMax = 1 << 20) {
    this.direction = new Direction(new EarlyBudget(bytesMax), (piece) => this.#take(piece))
  }

  syn(): this {
    return this.#send(0xffff_ffff, { flags: TCP_FLAG.syn })
  }

  /** Payload at an offset; `captured` of it, where that is not all. */
  send(offset: number, text: string, captured = text.length): this {
    return this.#send(offset, { text, captured })
  }

  ack(offset: number): this {
    this.direction.acknowledged((ISN + 1 + offset) >>> 0, ++this.ms * 1e6)
    return this
  }

  get text(): string {
    let text = ''
    for (const piece of this.pieces) text = text.padEnd(piece.offset, '?') + piece.text
    return text
  }

  #send(offset: number, of: { text?: string; captured?: number; flags?: number }): this {
    const { text = '', captured = text.length, flags = TCP_FLAG.ack } = of
    const segment = Object.assign(new Segment(), {
      sequence: (ISN + 1 + (offset | 0)) >>> 0,
      bytes: Buffer.from(text),
      length: text.length,
      captured,
      flags,
      timeNs: ++this.ms * 1e6,
    })
    this.direction.sent(segment)
    return this
  }

  #take({ offset, length, captured, bytes, at }: Delivery): void {
    const text = bytes.toString('latin1', at, at + captured)
    this.pieces.push({ offset, length, text })
  }
}

test('segments in order are delivered as they come', () => {
  const sender = new Sender().syn().send(0, 'abc').send(3, 'de')
  assert.deepEqual(sender.pieces, [
    { offset: 0, length: 3, text: 'abc' },
    { offset: 3, length: 2, text: 'de' },
  ])
  assert.equal(sender.direction.retransmits, 0)
})

test('a segment that overtook another waits for it, and is no retransmission', () => {
  const sender = new Sender().syn().send(3, 'de').send(0, 'abc')
  assert.equal(sender.text, 'abcde')
  assert.equal(sender.direction.retransmits, 0)
})

test('what was sent before is dropped and counted, its new bytes are delivered', () => {
  const sender = new Sender().syn().send(0, 'abc').send(0, 'abc').send(1, 'bcdef')
  assert.equal(sender.text, 'abcdef')
  assert.equal(sender.direction.retransmits, 2)
})

test('a hole that is filled late was lost before the capture', () => {
  const sender = new Sender().syn().send(0, 'ab').send(4, 'ef')
  sender.ms += 200
  sender.send(2, 'cd')
  assert.equal(sender.text, 'abcdef')
  assert.equal(sender.direction.retransmits, 1)
})

test('bytes that the other end has, and the capture not, are passed over and counted', () => {
  const sender = new Sender().syn().send(0, 'ab').send(4, 'ef').ack(6).send(6, 'g')
  assert.equal(sender.text, 'ab??efg')
  assert.equal(sender.direction.missed, 2)
})

test('a packet captured in part tells its length', () => {
  const sender = new Sender().syn().send(0, 'abcdef', 2).send(6, 'g')
  assert.deepEqual(sender.pieces, [
    { offset: 0, length: 6, text: 'ab' },
    { offset: 6, length: 1, text: 'g' },
  ])
})

test('without a SYN the stream begins at the first byte seen', () => {
  const sender = new Sender().send(1000, 'abc').send(1003, 'd')
  assert.equal(sender.text, 'abcd')
})

test('a keep-alive byte is neither data nor a retransmission', () => {
  const sender = new Sender().syn().send(0, 'abc').send(2, 'c')
  assert.equal(sender.text, 'abc')
  assert.equal(sender.direction.retransmits, 0)
})

test('a round trip is from a segment to its acknowledgement, and none of what was sent twice', () => {
  const sender = new Sender().syn().ack(0)
  assert.equal(sender.direction.rtt.leastUs, 1000)
  sender.send(0, 'abc').send(0, 'abc').ack(3)
  assert.equal(sender.direction.rtt.smoothedUs, 1000)
})

test('SYNs sent again are counted', () => {
  assert.equal(new Sender().syn().syn().syn().direction.synRetries, 2)
})

test('what waits is bounded: beyond it the gap is given up', () => {
  const sender = new Sender(10).syn()
  sender.send(4, 'efghij').send(14, 'op').send(20, 'uvwxyz')
  assert.equal(sender.text, '????efghij????op????uvwxyz')
  assert.equal(sender.direction.missed, 12)
})

test('any cut, order and repetition of a stream gives the stream', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(cuts, fc.infiniteStream(fc.nat(1000)), (lengths, random) => {
      const next = () => random.next().value as number
      const total = lengths.reduce((sum, length) => sum + length, 0)
      const text = Array.from({ length: total }, (_, i) => String.fromCharCode(97 + (i % 26))).join(
        '',
      )
      let at = 0
      const segments = lengths.map((length) => {
        at += length
        return { offset: at - length, length }
      })
      const repeats = segments.filter(() => next() % 4 === 0)
      const order = [...segments, ...repeats]
        .map((segment) => ({ segment, key: segment.offset + (next() % 60) }))
        .sort((a, b) => a.key - b.key)
      const sender = new Sender().syn()
      for (const { segment } of order) {
        sender.send(segment.offset, text.slice(segment.offset, segment.offset + segment.length))
      }
      assert.equal(sender.text, text)
      assert.equal(sender.direction.missed, 0)
      assert.equal(sender.direction.next, total)
    }),
    { numRuns: 500 },
  )
})
