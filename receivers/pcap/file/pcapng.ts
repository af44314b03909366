/**
 * The block-structured capture file (draft-ietf-opsawg-pcapng):
 *
 *     file  ::= section+             section ::= section-header block*
 *     block ::= type:u32 total:u32 byte{total - 12} total:u32
 *
 * A section has its own byte order and its own interfaces. Blocks of unknown types are skipped.
 */
import type { ChunkParser } from './chunk_parser.ts'
import { type BadCapture, PACKET_BYTES_MAX, Packet, type PacketSink } from './packet.ts'
import { type CaptureClock, DIVISOR_MAX, splitSeconds } from './time.ts'

const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const INTERFACE = 1
const OLD_PACKET = 2
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6

const OPTION_END = 0
const OPTION_TIME_RESOLUTION = 9
const OPTION_TIME_OFFSET = 14
/** Of an enhanced packet: its lowest two bits are the direction. */
const OPTION_FLAGS = 2

/** Block type and length, and the length again behind the body. */
const FRAME_BYTES = 12
/** A packet, its options, and comments of reasonable length. */
const BLOCK_BYTES_MAX = 16 * 1024 * 1024
const INTERFACES_MAX = 65_536

interface Interface {
  readonly linkType: number
  readonly snapLength: number
  /** Units of a timestamp in a second; 0: it cannot be read. */
  readonly perSecond: number
  readonly offsetSeconds: number
}

export function isPcapng(bytes: Buffer): boolean {
  return bytes.readUInt32LE(0) === SECTION_HEADER
}

export class PcapngParser implements ChunkParser {
  /** Packets of interfaces that were never described, or whose clock cannot be read. */
  unreadable = 0
  readonly #sink: PacketSink
  readonly #clock: CaptureClock
  readonly #packet = new Packet()
  #littleEndian = true
  #interfaces: Interface[] = []
  /** Simple packets carry no time: they get that of the packet before. */
  #lastNs = 1

  constructor(sink: PacketSink, clock: CaptureClock) {
    this.#sink = sink
    this.#clock = clock
  }

  take(bytes: Buffer, at: number, end: number): number | BadCapture {
    if (end - at < FRAME_BYTES) return 0
    if (bytes.readUInt32LE(at) === SECTION_HEADER) {
      this.#littleEndian = bytes.readUInt32LE(at + 8) === BYTE_ORDER_MAGIC
      if (this.#u32(bytes, at + 8) !== BYTE_ORDER_MAGIC) {
        return { reason: 'a section header without its byte-order magic', offset: 8 }
      }
    }
    const total = this.#u32(bytes, at + 4)
    if (total < FRAME_BYTES || total % 4 !== 0 || total > BLOCK_BYTES_MAX) {
      return { reason: `a block of ${total} bytes`, offset: 4 }
    }
    if (end - at < total) return 0
    if (this.#u32(bytes, at + total - 4) !== total) {
      return { reason: 'a block whose two lengths differ', offset: total - 4 }
    }
    const problem = this.#block(bytes, at + 8, at + total - 4)
    return problem === undefined ? total : { reason: problem, offset: 0 }
  }

  /** The body of a block is `bytes[at … end)`. */
  #block(bytes: Buffer, at: number, end: number): string | undefined {
    switch (this.#u32(bytes, at - 8)) {
      case SECTION_HEADER:
        this.#interfaces = []
        return undefined
      case INTERFACE:
        return this.#interface(bytes, at, end)
      case ENHANCED_PACKET:
        if (end - at < 20) return 'an enhanced packet block that is too short'
        return this.#timedPacket(bytes, { at, end, interfaceId: this.#u32(bytes, at) })
      case OLD_PACKET:
        if (end - at < 20) return 'a packet block that is too short'
        return this.#timedPacket(bytes, { at, end, interfaceId: this.#u16(bytes, at) })
      case SIMPLE_PACKET:
        if (end - at < 4) return 'a simple packet block that is too short'
        return this.#simplePacket(bytes, at, end)
      default:
        return undefined
    }
  }

  #interface(bytes: Buffer, at: number, end: number): string | undefined {
    if (end - at < 8) return 'an interface block that is too short'
    if (this.#interfaces.length >= INTERFACES_MAX) return 'too many interfaces'
    let perSecond = 1e6
    let offsetSeconds = 0
    this.#options(bytes, { at: at + 8, end }, (code, from, to) => {
      if (code === OPTION_TIME_RESOLUTION && to > from) perSecond = unitsOf(bytes[from] as number)
      if (code === OPTION_TIME_OFFSET && to - from >= 8) offsetSeconds = this.#i64(bytes, from)
    })
    const linkType = this.#u16(bytes, at)
    const snapLength = this.#u32(bytes, at + 4) || PACKET_BYTES_MAX
    this.#interfaces.push({ linkType, snapLength, perSecond, offsetSeconds })
    return undefined
  }

  /** Enhanced and old packet blocks: interface, time, lengths, data, options. */
  #timedPacket(
    bytes: Buffer,
    { at, end, interfaceId }: { at: number; end: number; interfaceId: number },
  ): string | undefined {
    const of = this.#interfaces[interfaceId]
    const captured = this.#u32(bytes, at + 12)
    if (captured > end - at - 20) return `a packet of ${captured} bytes in a smaller block`
    if (of === undefined || of.perSecond === 0) {
      this.unreadable++
      return undefined
    }
    const { seconds, rest } = splitSeconds(
      this.#u32(bytes, at + 4),
      this.#u32(bytes, at + 8),
      of.perSecond,
    )
    const nanoseconds = Math.floor((rest * 1e9) / of.perSecond)
    this.#lastNs = this.#clock.relativeNs(seconds + of.offsetSeconds, nanoseconds)
    const packet = this.#packet
    packet.direction = 0
    const optionsAt = at + 20 + captured + (-captured & 3)
    this.#options(bytes, { at: optionsAt, end }, (code, from, to) => {
      if (code === OPTION_FLAGS && to - from >= 4) packet.direction = this.#u32(bytes, from) & 3
    })
    packet.at = at + 20
    packet.captured = captured
    packet.length = Math.max(this.#u32(bytes, at + 16), captured)
    this.#emit(bytes, interfaceId, of)
    return undefined
  }

  #simplePacket(bytes: Buffer, at: number, end: number): string | undefined {
    const of = this.#interfaces[0]
    if (of === undefined) {
      this.unreadable++
      return undefined
    }
    const packet = this.#packet
    packet.direction = 0
    packet.length = this.#u32(bytes, at)
    packet.at = at + 4
    packet.captured = Math.min(packet.length, of.snapLength, end - at - 4)
    this.#emit(bytes, 0, of)
    return undefined
  }

  #emit(bytes: Buffer, interfaceId: number, of: Interface): void {
    const packet = this.#packet
    packet.bytes = bytes
    packet.timeNs = this.#lastNs
    packet.linkType = of.linkType
    packet.interfaceId = interfaceId
    this.#sink.packet(packet)
  }

  /** `option ::= code:u16 length:u16 byte{length} padding`, until code 0 or the block's end. */
  #options(
    bytes: Buffer,
    range: { at: number; end: number },
    option: (code: number, from: number, to: number) => void,
  ): void {
    let { at } = range
    while (at + 4 <= range.end) {
      const code = this.#u16(bytes, at)
      const length = this.#u16(bytes, at + 2)
      if (code === OPTION_END || at + 4 + length > range.end) return
      option(code, at + 4, at + 4 + length)
      at += 4 + length + (-length & 3)
    }
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }

  /** As a double: offsets of a clock are seconds. */
  #i64(bytes: Buffer, at: number): number {
    return Number(this.#littleEndian ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at))
  }
}

/** if_tsresol: a negative power of ten, or of two where the highest bit is set. */
function unitsOf(resolution: number): number {
  const exponent = resolution & 0x7f
  const units = (resolution & 0x80) === 0 ? 10 ** exponent : 2 ** exponent
  return units > DIVISOR_MAX ? 0 : units
}
