/** Cuts the chunks of a capture file, of either format, into packets. */
import type { ChunkParser } from './chunk_parser.ts'
import type { BadCapture, PacketSink } from './packet.ts'
import { isPcap, PcapParser } from './pcap.ts'
import { isPcapng, PcapngParser } from './pcapng.ts'
import { CaptureClock } from './time.ts'

const MAGIC_BYTES = 4

export class CaptureReader {
  readonly clock = new CaptureClock()
  /** Why the rest of the file was not read; undefined as long as all is well. */
  bad: BadCapture | undefined
  /** Bytes read so far, for progress. */
  bytes = 0
  readonly #sink: PacketSink
  #parser: ChunkParser | undefined
  /** What of the file has been fed and not taken. */
  #rest: Buffer = Buffer.alloc(0)

  constructor(sink: PacketSink) {
    this.#sink = sink
  }

  /** Packets of pcapng whose interface or time nobody can tell. */
  get unreadable(): number {
    return this.#parser instanceof PcapngParser ? this.#parser.unreadable : 0
  }

  /** The next bytes of the file, in order. Nothing is done once the file is `bad`. */
  feed(chunk: Buffer): void {
    if (this.bad !== undefined) return
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (this.bad === undefined) {
      const taken = this.#take(bytes, at)
      if (taken === 0) break
      at += taken
      this.bytes += taken
    }
    this.#rest = bytes.subarray(at)
  }

  /** The file has ended. */
  finish(): void {
    if (this.bad !== undefined || this.#rest.length === 0) return
    const what = this.#parser === undefined ? 'no capture file' : 'the file ends inside a packet'
    this.bad = { reason: what, offset: this.bytes }
  }

  #take(bytes: Buffer, at: number): number {
    if (this.#parser === undefined) {
      if (bytes.length - at < MAGIC_BYTES) return 0
      this.#parser = this.#parserOf(bytes.subarray(at))
      if (this.#parser === undefined) {
        this.bad = { reason: 'neither pcap nor pcapng', offset: 0 }
        return 0
      }
    }
    const taken = this.#parser.take(bytes, at, bytes.length)
    if (typeof taken === 'number') return taken
    this.bad = { reason: taken.reason, offset: this.bytes + taken.offset }
    return 0
  }

  #parserOf(bytes: Buffer): ChunkParser | undefined {
    if (isPcapng(bytes)) return new PcapngParser(this.#sink, this.clock)
    if (isPcap(bytes)) return new PcapParser(this.#sink, this.clock)
    return undefined
  }
}
