/** What a record of a datagram says, as the search for requests wants it. Filled for each anew. */
import type { Way } from '../requests/datagrams.ts'
import type { Identity } from '../requests/identity.ts'
import { Piece } from '../requests/piece.ts'
import { commOf } from './comm.ts'
import { u64 } from './connections.ts'
import { DatagramRecord, DIRECTION } from './events.gen.ts'
import type { Identities } from './identities.ts'

export class Datagram implements Way {
  readonly piece = new Piece()
  readonly #identities: Identities
  #view: DataView = new DataView(new ArrayBuffer(0))
  #bytes = Buffer.alloc(0)
  #at = 0

  constructor(identities: Identities) {
    this.#identities = identities
  }

  /** `length`: of the record, of which `captured` bytes are the datagram's. */
  fill(view: DataView, at: number, length: number): void {
    if (this.#bytes.buffer !== view.buffer || this.#bytes.byteOffset !== view.byteOffset) {
      this.#bytes = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
    }
    this.#view = view
    this.#at = at
    const { piece } = this
    const captured = this.#u32(DatagramRecord.captured)
    piece.bytes = this.#bytes
    piece.sent = view.getUint8(at + DatagramRecord.direction) === DIRECTION.DIRECTION_SENT
    piece.length = this.#u32(DatagramRecord.len)
    piece.captured = Math.min(captured, piece.length, length - DatagramRecord.size)
    piece.at = at + DatagramRecord.size
    piece.tailEnd = piece.at + piece.captured
    piece.timeNs = u64(view, at + DatagramRecord.time_ns)
    piece.pid = this.#u32(DatagramRecord.pid)
    piece.tid = this.#u32(DatagramRecord.tid)
    piece.sleeps = this.#u32(DatagramRecord.sleeps)
  }

  get localAddress(): Uint8Array {
    return this.#address(DatagramRecord.local_addr)
  }

  get remoteAddress(): Uint8Array {
    return this.#address(DatagramRecord.remote_addr)
  }

  get localPort(): number {
    return this.#view.getUint16(this.#at + DatagramRecord.local_port, true)
  }

  get remotePort(): number {
    return this.#view.getUint16(this.#at + DatagramRecord.remote_port, true)
  }

  get netns(): number {
    return this.#u32(DatagramRecord.netns)
  }

  get cgroupLo(): number {
    return this.#u32(DatagramRecord.cgroup_id)
  }

  get cgroupHi(): number {
    return this.#u32(DatagramRecord.cgroup_id + 4)
  }

  get pid(): number {
    return this.#u32(DatagramRecord.pid)
  }

  get identity(): Identity | undefined {
    return this.#identities.of(this.pid, [this.cgroupLo, this.cgroupHi])
  }

  get comm(): string {
    return commOf(this.#view, this.#at + DatagramRecord.comm)
  }

  #u32(field: number): number {
    return this.#view.getUint32(this.#at + field, true)
  }

  #address(field: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#at + field, 16)
  }
}
