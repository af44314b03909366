import type { BadCapture } from './packet.ts'

/** One format of captures, fed with as much of the file as is there. */
export interface ChunkParser {
  /**
   * Takes one header, packet or block from `bytes[at … end)`. Returns how many bytes that was; 0
   * when more are needed; what is wrong (offset relative to `at`) when nothing can follow.
   */
  take(bytes: Buffer, at: number, end: number): number | BadCapture
}
