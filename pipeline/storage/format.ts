/**
 * The bytes of a segment file. docs/STORAGE.md draws them.
 *
 *     segment = header record*
 *     header  = magic[8] version:u16 bytes:u16 number:u32 first:u64 salt:u32 crc:u32
 *     record  = sync[4] crc:u32 payload_crc:u32 payload_bytes:u32
 *               sequence:u64 items:u32 type:u8 zero[3] payload[payload_bytes]
 *
 * Little-endian throughout. The checksum is CRC-32 (IEEE), which zlib computes at 3 GB/s here;
 * CRC-32C would have to be computed in JavaScript, ten times slower, and finds no more of the
 * errors that disks make: both see every burst of up to 32 bits, and miss one in 2^32 of the rest.
 *
 * A record's header has a checksum of its own, so that one with a damaged payload can be stepped
 * over. It begins with the segment's random salt and the record's place in the file: bytes that
 * were copied from elsewhere, such as a log that somebody sends as telemetry, are no record here.
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const VERSION = 1
export const SEGMENT_HEADER_BYTES = 32
export const RECORD_HEADER_BYTES = 32

const MAGIC = Buffer.from('flowspan')
/** Where a record may begin; none of its bytes is text, or a small number. */
export const SYNC = Buffer.from([0xf5, 0x9e, 0xfb, 0xc1])
const SYNC_NUMBER = SYNC.readUInt32LE(0)

/**
 * `data`: what was appended. `moved`: the same, copied out of a segment that was given up; it
 * keeps its sequence number. `done`: sequence numbers that need not be kept any more.
 */
export const RECORD_TYPES = ['data', 'done', 'moved'] as const
export type RecordType = (typeof RECORD_TYPES)[number]

export interface RecordHeader {
  readonly type: RecordType
  readonly sequence: number
  readonly items: number
  readonly payloadBytes: number
  readonly payloadCrc: number
}

/** What its name tells of a segment, so that it can be read although its header is damaged. */
export interface SegmentName {
  readonly number: number
  readonly salt: number
}

export function newSegmentName(number: number): SegmentName {
  return { number, salt: randomBytes(4).readUInt32LE(0) }
}

export function segmentFileName({ number, salt }: SegmentName): string {
  return `${String(number).padStart(10, '0')}.${salt.toString(16).padStart(8, '0')}.segment`
}

export function parseSegmentFileName(name: string): SegmentName | undefined {
  const parts = /^(\d{10})\.([0-9a-f]{8})\.segment$/.exec(name)
  if (parts === null) return undefined
  const number = Number(parts[1])
  // A file that nobody can have come to by counting would leave no number for the next.
  return number > 0xffff_fff0
    ? undefined
    : { number, salt: Number.parseInt(parts[2] as string, 16) }
}

/** @param first the lowest sequence number that a new record of the segment can have */
export function encodeSegmentHeader({ number, salt }: SegmentName, first: number): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt16LE(VERSION, 8)
  bytes.writeUInt16LE(SEGMENT_HEADER_BYTES, 10)
  bytes.writeUInt32LE(number, 12)
  writeNumber(bytes, first, 16)
  bytes.writeUInt32LE(salt, 24)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28)
  return bytes
}

export interface SegmentHeader {
  readonly version: number
  readonly first: number
}

/** The header, of whatever version, or undefined when it is damaged. */
export function decodeSegmentHeader(bytes: Buffer, name: SegmentName): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.compare(MAGIC, 0, 8, 0, 8) !== 0)
    return undefined
  if (bytes.readUInt32LE(28) !== crc32(bytes.subarray(0, 28))) return undefined
  const version = bytes.readUInt16LE(8)
  const first = readNumber(bytes, 16)
  const isOther =
    bytes.readUInt16LE(10) !== SEGMENT_HEADER_BYTES ||
    bytes.readUInt32LE(12) !== name.number ||
    bytes.readUInt32LE(24) !== name.salt ||
    first === undefined
  if (version === VERSION && isOther) return undefined
  return { version, first: first ?? 0 }
}

/** @param at where in the segment the record will stand */
export function encodeRecordHeader(
  header: RecordHeader,
  place: { salt: number; at: number },
): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_HEADER_BYTES)
  bytes.writeUInt32LE(SYNC_NUMBER, 0)
  bytes.writeUInt32LE(header.payloadCrc, 8)
  bytes.writeUInt32LE(header.payloadBytes, 12)
  writeNumber(bytes, header.sequence, 16)
  bytes.writeUInt32LE(Math.min(header.items, 0xffff_ffff), 24)
  bytes.writeUInt32LE(RECORD_TYPES.indexOf(header.type) + 1, 28)
  bytes.writeUInt32LE(crc32(bytes.subarray(8), seedOf(place)), 4)
  return bytes
}

/** The record header that begins at `offset` in `bytes`, or undefined when none does. */
export function decodeRecordHeader(
  bytes: Buffer,
  offset: number,
  place: { salt: number; at: number },
): RecordHeader | undefined {
  if (bytes.readUInt32LE(offset) !== SYNC_NUMBER) return undefined
  const covered = bytes.subarray(offset + 8, offset + RECORD_HEADER_BYTES)
  if (bytes.readUInt32LE(offset + 4) !== crc32(covered, seedOf(place))) return undefined
  const type = RECORD_TYPES[bytes.readUInt32LE(offset + 28) - 1]
  const sequence = readNumber(bytes, offset + 16)
  if (type === undefined || sequence === undefined) return undefined
  return {
    type,
    sequence,
    items: bytes.readUInt32LE(offset + 24),
    payloadBytes: bytes.readUInt32LE(offset + 12),
    payloadCrc: bytes.readUInt32LE(offset + 8),
  }
}

export function crcOfParts(parts: readonly Uint8Array[]): number {
  let crc = 0
  for (const part of parts) crc = crc32(part, crc)
  return crc
}

function seedOf({ salt, at }: { salt: number; at: number }): number {
  return (salt ^ at) >>> 0
}

/** A whole number up to 2^53 as 64 bits. */
export function writeNumber(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value >>> 0, offset)
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4)
}

/** Undefined when it is beyond 2^53. */
export function readNumber(bytes: Buffer, offset: number): number | undefined {
  const high = bytes.readUInt32LE(offset + 4)
  return high >= 2 ** 21 ? undefined : high * 2 ** 32 + bytes.readUInt32LE(offset)
}
