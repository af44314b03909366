import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CaptureReader } from '../../../receivers/pcap/file/capture_reader.ts'
import type { Packet } from '../../../receivers/pcap/file/packet.ts'
import { splitSeconds } from '../../../receivers/pcap/file/time.ts'
import { block, option, pcap, pcapng, u32 } from './packets.ts'

interface Seen {
  readonly text: string
  readonly timeNs: number
  readonly length: number
  readonly linkType: number
  readonly direction: number
}

class Reading {
  readonly seen: Seen[] = []
  readonly reader = new CaptureReader({ packet: (packet) => void this.seen.push(seenOf(packet)) })

  /** Feeds the file in pieces of so many bytes. */
  static of(file: Buffer, step = file.length || 1): Reading {
    const reading = new Reading()
    for (let at = 0; at < file.length; at += step) {
      reading.reader.feed(file.subarray(at, at + step))
    }
    reading.reader.finish()
    return reading
  }
}

function seenOf({ bytes, at, captured, timeNs, length, linkType, direction }: Packet): Seen {
  return { text: bytes.toString('latin1', at, at + captured), timeNs, length, linkType, direction }
}

const TWO = [
  { bytes: Buffer.from('first'), us: 1_700_000_000_000_001 },
  { bytes: Buffer.from('second!'), us: 1_700_000_002_500_000, length: 100 },
]

const FORMATS: readonly [string, Buffer][] = [
  ['pcap, little-endian, microseconds', pcap(TWO)],
  ['pcap, big-endian, microseconds', pcap(TWO, { bigEndian: true })],
  ['pcap, little-endian, nanoseconds', pcap(TWO, { nanoseconds: true })],
  ['pcap, big-endian, nanoseconds', pcap(TWO, { nanoseconds: true, bigEndian: true })],
  ['pcapng, little-endian', pcapng(TWO)],
  ['pcapng, big-endian', pcapng(TWO, { bigEndian: true })],
]

for (const [name, file] of FORMATS) {
  test(`${name}: packets, times and lengths are read, however the file is cut`, () => {
    const whole = Reading.of(file)
    assert.equal(whole.reader.bad, undefined)
    assert.deepEqual(
      whole.seen.map(({ text, length }) => [text, length]),
      [
        ['first', 5],
        ['second!', 100],
      ],
    )
    const [first, second] = whole.seen as [Seen, Seen]
    assert.equal(second.timeNs - first.timeNs, 2_499_999_000)
    const [low, high] = whole.reader.clock.offset
    const wallNs = (BigInt(high) << 32n) + BigInt(low) + BigInt(first.timeNs)
    assert.equal(wallNs, 1_700_000_000_000_001_000n)
    for (const step of [1, 2, 3, 7, 16, 33])
      assert.deepEqual(Reading.of(file, step).seen, whole.seen)
  })

  test(`${name}: a cut anywhere gives the packets before it, and says where`, () => {
    for (let length = 1; length < file.length; length++) {
      const { seen, reader } = Reading.of(file.subarray(0, length))
      assert.ok(seen.length < 2)
      // Between packets or blocks a cut cannot be told from an end.
      if (reader.bad === undefined) continue
      assert.ok(reader.bad.offset <= length)
    }
  })
}

test('pcapng: resolution, offset and direction of an interface count', () => {
  const interfaceOptions = [option(9, Buffer.of(3), false), option(14, Buffer.alloc(8, 0), false)]
  const file = pcapng([{ bytes: Buffer.from('x'), us: 5500, flags: 2 }], { interfaceOptions })
  const { seen, reader } = Reading.of(file)
  assert.equal(reader.bad, undefined)
  assert.equal(seen[0]?.timeNs, 1_500_000_000)
  assert.equal(seen[0]?.direction, 2)
})

test('pcapng: unknown blocks are skipped, and packets of no interface counted', () => {
  const file = pcapng([{ bytes: Buffer.from('x') }])
  const noInterface = block(6, Buffer.concat([u32(7).swap32(), Buffer.alloc(16)]), false)
  const unknown = block(0x0bad, Buffer.alloc(20), false)
  const { seen, reader } = Reading.of(Buffer.concat([file, unknown, noInterface]))
  assert.equal(reader.bad, undefined)
  assert.equal(seen.length, 1)
  assert.equal(reader.unreadable, 1)
})

test('what is no capture is refused with its place', () => {
  assert.deepEqual(Reading.of(Buffer.from('GET / HTTP/1.1')).reader.bad, {
    reason: 'neither pcap nor pcapng',
    offset: 0,
  })
  const huge = pcap([{ bytes: Buffer.from('x') }])
  huge.writeUInt32LE(0xffffffff, 24 + 8)
  assert.match(Reading.of(huge).reader.bad?.reason ?? '', /a packet of 4294967295 bytes/)
  const torn = pcapng([{ bytes: Buffer.from('x') }])
  torn.writeUInt32LE(99, torn.length - 4)
  assert.match(Reading.of(torn).reader.bad?.reason ?? '', /two lengths differ/)
})

test('splitSeconds divides as exact arithmetic does', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff })
  const units = fc.constantFrom(1, 10, 1000, 1e6, 1e9, 1e11, 2 ** 20, 2 ** 37)
  fc.assert(
    fc.property(word, word, units, (hi, lo, perSecond) => {
      const { seconds, rest } = splitSeconds(hi, lo, perSecond)
      const whole = (BigInt(hi) << 32n) | BigInt(lo)
      const exact = whole / BigInt(perSecond)
      // Seconds beyond 2^53 are no times: there only the order of magnitude counts.
      if (exact < 2n ** 53n) assert.equal(BigInt(seconds), exact)
      assert.equal(BigInt(rest), whole % BigInt(perSecond))
    }),
  )
})

test('no bytes make the reader throw, and every byte is taken or reported', () => {
  const files = FORMATS.map(([, file]) => file)
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      fc.integer({ min: 1, max: 64 }),
      (file, changes, step) => {
        const changed = Buffer.from(file)
        for (const [at, byte] of changes) changed[at % changed.length] = byte
        const { reader, seen } = Reading.of(changed, step)
        assert.ok(reader.bytes <= changed.length)
        assert.ok(reader.bad !== undefined || reader.bytes === changed.length)
        for (const { length, text } of seen) assert.ok(length >= text.length)
      },
    ),
    { numRuns: 500 },
  )
})
