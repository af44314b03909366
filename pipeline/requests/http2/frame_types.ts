/**
 * The frames of HTTP/2 (RFC 9113 §4.1, §6), and which headers of frames can be.
 *
 *     length 3 bytes │ type 1 │ flags 1 │ stream 4, its first bit 0 │ body
 */
export const FRAME_HEADER_BYTES = 9

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const

/** By type: flags that it may have. Others mean nothing (§4.1), and nobody sets them. */
const FLAGS = [0x9, 0x2d, 0, 0, 0x1, 0xc, 0x1, 0, 0, 0x4]
/** Peers ask for larger frames than these for data only. */
const FRAME_BYTES_DEFAULT = 16_384
const DATA_BYTES_MAX = 1 << 20
const SETTINGS_BYTES_MAX = 600
/** A connection needs years to have had more streams. */
const STREAM_MAX = 1 << 24

/** The header of a frame that stands at `bytes[at …]`. */
export class FrameHeader {
  length = 0
  type = 0
  flags = 0
  stream = 0

  read(bytes: Uint8Array, at: number): void {
    this.length = wordAt(bytes, at) >>> 8
    this.type = bytes[at + 3] as number
    this.flags = bytes[at + 4] as number
    this.stream = wordAt(bytes, at + 5) & 0x7fffffff
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  /** RFC 9113 §6 calls everything else a connection error. */
  get isPossible(): boolean {
    const { length, type, stream } = this
    switch (type) {
      case FRAME.data:
      case FRAME.continuation:
        return stream > 0
      case FRAME.headers:
      case FRAME.pushPromise:
        return stream > 0 && length > 0
      case FRAME.priority:
        return stream > 0 && length === 5
      case FRAME.rstStream:
        return stream > 0 && length === 4
      case FRAME.settings:
        return stream === 0 && length % 6 === 0 && (!this.has(FLAG.ack) || length === 0)
      case FRAME.ping:
        return stream === 0 && length === 8
      case FRAME.goaway:
        return stream === 0 && length >= 8
      case FRAME.windowUpdate:
        return length === 4
      default:
        return true
    }
  }

  /** What real peers send: for places where it is a guess that a frame begins. */
  get isUsual(): boolean {
    const { length, type, flags, stream } = this
    if (type > FRAME.continuation || (flags & ~(FLAGS[type] as number)) !== 0) return false
    if (!this.isPossible || stream >= STREAM_MAX || (stream > 0 && stream % 2 === 0)) return false
    if (type === FRAME.settings) return length <= SETTINGS_BYTES_MAX
    return length <= (type === FRAME.data ? DATA_BYTES_MAX : FRAME_BYTES_DEFAULT)
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)
  return high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
}
