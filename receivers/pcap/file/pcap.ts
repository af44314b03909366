/**
 * The classic capture file (draft-ietf-opsawg-pcap), in either byte order:
 *
 *     file   ::= magic:u32 major:u16 minor:u16 zone:i32 sigfigs:u32 snaplen:u32 link:u32 packet*
 *     packet ::= seconds:u32 fraction:u32 captured:u32 length:u32 byte{captured}
 *
 * The magic tells the byte order, and whether the fraction counts microseconds or nanoseconds.
 */
import type { ChunkParser } from './chunk_parser.ts'
import { type BadCapture, PACKET_BYTES_MAX, Packet, type PacketSink } from './packet.ts'
import type { CaptureClock } from './time.ts'

const HEADER_BYTES = 24
const PACKET_HEADER_BYTES = 16
const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d

/** Whether a file that begins with these four bytes is a pcap. */
export function isPcap(bytes: Buffer): boolean {
  return [bytes.readUInt32LE(0), bytes.readUInt32BE(0)].some(
    (magic) => magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS,
  )
}

export class PcapParser implements ChunkParser {
  readonly #sink: PacketSink
  readonly #clock: CaptureClock
  readonly #packet = new Packet()
  #littleEndian: boolean | undefined
  #fractionNs = 1

  constructor(sink: PacketSink, clock: CaptureClock) {
    this.#sink = sink
    this.#clock = clock
  }

  take(bytes: Buffer, at: number, end: number): number | BadCapture {
    if (this.#littleEndian === undefined) return this.#header(bytes, at, end)
    if (end - at < PACKET_HEADER_BYTES) return 0
    const captured = this.#u32(bytes, at + 8)
    const length = this.#u32(bytes, at + 12)
    if (captured > PACKET_BYTES_MAX) {
      return { reason: `a packet of ${captured} bytes, at most ${PACKET_BYTES_MAX}`, offset: 0 }
    }
    if (end - at < PACKET_HEADER_BYTES + captured) return 0
    const nanoseconds = this.#u32(bytes, at + 4) * this.#fractionNs
    const packet = this.#packet
    packet.timeNs = this.#clock.relativeNs(this.#u32(bytes, at), nanoseconds)
    packet.bytes = bytes
    packet.at = at + PACKET_HEADER_BYTES
    packet.captured = captured
    packet.length = Math.max(length, captured)
    this.#sink.packet(packet)
    return PACKET_HEADER_BYTES + captured
  }

  #header(bytes: Buffer, at: number, end: number): number | BadCapture {
    if (end - at < HEADER_BYTES) return 0
    const magic = bytes.readUInt32LE(at)
    this.#littleEndian = magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS
    this.#fractionNs = this.#u32(bytes, at) === MAGIC_NANOSECONDS ? 1 : 1000
    const major = this.#littleEndian ? bytes.readUInt16LE(at + 4) : bytes.readUInt16BE(at + 4)
    if (major !== 2) return { reason: `version ${major} of the format, not 2`, offset: 4 }
    // The upper bits tell of a frame check sequence, which stands behind what is read here.
    this.#packet.linkType = this.#u32(bytes, at + 20) & 0xffff
    return HEADER_BYTES
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }
}
