/**
 * Decompresses a request's body, and stops at a limit: what a few bytes can unfold to has none.
 *
 * At once rather than as a stream: a body is bounded, and a zlib object with its callbacks costs
 * more than most bodies do. `deflate` is the zlib format, as HTTP and gRPC define the word.
 */
import { constants, gunzipSync, inflateSync, type ZlibOptions, zstdDecompressSync } from 'node:zlib'

export const ENCODINGS = ['gzip', 'zstd', 'zlib', 'deflate'] as const
export type Encoding = (typeof ENCODINGS)[number]

/** 32 MiB: the largest window that an encoder of the Collector uses; a frame may ask for 128. */
const ZSTD_WINDOW_LOG_MAX = 25
const CHUNK_MIN = 1024
/** Compressed texts unfold to three to fifteen times their size. */
const LIKELY_RATIO = 8

export type Decompressed =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'malformed'; readonly reason: string }

export function isEncoding(text: string): text is Encoding {
  return (ENCODINGS as readonly string[]).includes(text)
}

/** @param maxBytes of the result */
export function decompress(encoding: Encoding, bytes: Uint8Array, maxBytes: number): Decompressed {
  try {
    return { kind: 'bytes', bytes: run(encoding, bytes, maxBytes) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') return { kind: 'too_large' }
    return { kind: 'malformed', reason: message }
  }
}

function run(encoding: Encoding, bytes: Uint8Array, maxBytes: number): Buffer {
  // Memory is had a chunk at a time: one that holds all saves putting several together.
  const likely = Math.min(bytes.length * LIKELY_RATIO, maxBytes + 1)
  const chunkSize = Math.max(CHUNK_MIN, likely)
  if (encoding === 'zstd') {
    const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX }
    return zstdDecompressSync(bytes, { chunkSize, maxOutputLength: maxBytes, params })
  }
  const options: ZlibOptions = { chunkSize, maxOutputLength: maxBytes }
  return encoding === 'gzip' ? gunzipSync(bytes, options) : inflateSync(bytes, options)
}
