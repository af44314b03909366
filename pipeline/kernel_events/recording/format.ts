/**
 * The file of a recording: docs/RECORDING.md has it in words.
 *
 *     header │ block │ block │ …
 *     block = stored u32, content u32, type u8, encoding u8, 0 u16, crc32 u32 │ stored bytes
 *
 * All little-endian. The checksum is of the twelve bytes before it and of what is stored, so a
 * block is whole or it is nothing; a block needs none of those before it to be read.
 */
import { crc32 } from 'node:zlib'

const MAGIC = Buffer.from('\x89FSREC\r\n', 'latin1')
/** Of blocks and entries; what records look like is told by the layout (layout.ts). */
export const FORMAT_VERSION = 1
export const HEADER_BYTES = 16
export const BLOCK_HEAD_BYTES = 16
/** What a block holds before it is compressed, at most; of one that is read as well. */
export const BLOCK_BYTES = 256 * 1024

/** begin: a run of the receiver begins, JSON. entries: what happened. end: why it ends, JSON. */
export const BLOCK = { begin: 1, entries: 2, end: 3 } as const
export const ENCODING = { none: 0, zstd: 1 } as const

/** An entry is a u32, `kind | length << 8`, and so many bytes. */
export const ENTRY = {
  /** now_ns f64, offset u32 low, u32 high */
  look: 1,
  /** a record of the ring of connections */
  connection: 2,
  /** a record of the ring of payload */
  payload: 3,
  /** the counters are read; those that have changed: index u32, value f64 */
  losses: 4,
  /** position f64 */
  behind: 5,
  /** position f64 */
  settle: 6,
  sweep: 7,
  flush: 8,
  /** JSON */
  reconfigure: 9,
  stop: 10,
} as const

export const ENTRY_HEAD_BYTES = 4
export const LOOK_BYTES = 16
export const POSITION_BYTES = 8
export const COUNTER_BYTES = 12

export interface BlockHead {
  readonly stored: number
  readonly content: number
  readonly type: number
  readonly encoding: number
}

/** What a file begins with. */
export function fileHeader(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt16LE(FORMAT_VERSION, MAGIC.length)
  return header
}

/** Whether a file that begins so is a recording, of whatever version. */
export function isRecording(beginning: Uint8Array): boolean {
  return beginning.length >= MAGIC.length && MAGIC.equals(beginning.subarray(0, MAGIC.length))
}

/** Of a header that is one. */
export function formatVersion(header: Buffer): number {
  return header.readUInt16LE(MAGIC.length)
}

export function blockHead(head: BlockHead, stored: Uint8Array): Buffer {
  const bytes = Buffer.alloc(BLOCK_HEAD_BYTES)
  bytes.writeUInt32LE(head.stored, 0)
  bytes.writeUInt32LE(head.content, 4)
  bytes[8] = head.type
  bytes[9] = head.encoding
  bytes.writeUInt32LE(checksum(bytes, stored), 12)
  return bytes
}

/** Undefined where no block can begin so. */
export function readBlockHead(bytes: Buffer): BlockHead | undefined {
  const stored = bytes.readUInt32LE(0)
  const content = bytes.readUInt32LE(4)
  if (stored > BLOCK_BYTES || content > BLOCK_BYTES) return undefined
  return { stored, content, type: bytes.readUInt8(8), encoding: bytes.readUInt8(9) }
}

export function isIntact(head: Buffer, stored: Uint8Array): boolean {
  return head.readUInt32LE(12) === checksum(head, stored)
}

function checksum(head: Buffer, stored: Uint8Array): number {
  return crc32(stored, crc32(head.subarray(0, 12)))
}
