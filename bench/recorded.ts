/**
 * The records of HTTP exchanges on loopback as the kernel programs write them, put into rings that
 * are files: the pipeline process maps them as it maps the kernel's, so it can be measured and
 * profiled where no BPF program may be loaded, and under a load that is always the same.
 */
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { join } from 'node:path'
import {
  BOOKED,
  CONN_STATE,
  COUNTER_SLOTS,
  ConnRecord,
  DIRECTION,
  PayloadRecord,
  RECORD_TYPE,
  SPOKEN_LIMIT,
  Spoken,
  WANT_LIMIT,
  Want,
} from '../pipeline/kernel_events/events.gen.ts'
import { type Mapping, map, pageBytes } from '../receivers/ebpf/memory.ts'

const HEADER_BYTES = 8
const TWO_32 = 2 ** 32
export const REQUEST = Buffer.from('GET /item HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n')
const HEAD = `Server: nginx\r\nDate: Tue, 24 Nov 2026 01:00:00 GMT\r\nContent-Type: text/plain\r\n`
export const RESPONSE = Buffer.from(
  `HTTP/1.1 200 OK\r\n${HEAD}Content-Length: 1024\r\nConnection: keep-alive\r\n\r\n${'x'.repeat(1024)}`,
)
/** Requests on a connection before it is closed and another opened. */
const PER_CONNECTION = 100

/** A ring in a file: consumer page, producer page, the data, the data again. */
class FileRing {
  readonly fd: number
  readonly bytes: number
  readonly #mapping: Mapping
  readonly #consumed: BigInt64Array
  readonly #produced: BigInt64Array
  readonly #data: Buffer
  readonly #view: DataView
  #position = 0

  constructor(path: string, bytes: number) {
    const page = pageBytes()
    this.bytes = bytes
    this.fd = openSync(path, 'w+')
    ftruncateSync(this.fd, 2 * page + 2 * bytes)
    this.#mapping = map(this.fd, { offset: 0, bytes: 2 * page + 2 * bytes, writable: true })
    const { buffer } = this.#mapping
    this.#consumed = new BigInt64Array(buffer, 0, 1)
    this.#produced = new BigInt64Array(buffer, page, 1)
    this.#data = Buffer.from(buffer, 2 * page)
    this.#view = new DataView(buffer, 2 * page)
  }

  /** Whether all records were read. */
  get empty(): boolean {
    return Number(Atomics.load(this.#consumed, 0)) === this.#position
  }

  /** Whether the reader has fallen behind so far that little more fits. */
  get crowded(): boolean {
    return this.#position - Number(Atomics.load(this.#consumed, 0)) > this.bytes / 2
  }

  write(record: Uint8Array): void {
    const size = HEADER_BYTES + Math.ceil(record.length / 8) * 8
    const free = this.bytes - (this.#position - Number(Atomics.load(this.#consumed, 0)))
    if (size > free) throw new Error('The ring is full: the pipeline does not keep up')
    const at = this.#position % this.bytes
    for (const copy of [at, at < this.bytes ? at + this.bytes : at - this.bytes]) {
      const room = Math.min(record.length, this.#data.length - copy - HEADER_BYTES)
      this.#data.set(record.subarray(0, room), copy + HEADER_BYTES)
    }
    // What runs over the first copy's end is the beginning of both.
    const over = at + HEADER_BYTES + record.length - this.bytes
    if (over > 0) this.#data.copyWithin(0, this.bytes, this.bytes + over)
    this.#view.setUint32(at, record.length, true)
    this.#view.setUint32(at + this.bytes, record.length, true)
    this.#position += size
    Atomics.store(this.#produced, 0, BigInt(this.#position))
  }

  close(): void {
    this.#mapping.unmap()
    closeSync(this.fd)
  }
}

/** One connection after another, seen at both ends, with requests one after another. */
export class Recorded {
  readonly connections: FileRing
  readonly payload: FileRing
  /** Arrays that the kernel programs share with their reader. */
  readonly #arrays: readonly number[]
  #ends: readonly [End, End] | undefined
  #onConnection = 0
  #connectionCount = 0

  constructor(
    directory: string,
    { connBytes, payloadBytes }: Record<'connBytes' | 'payloadBytes', number>,
  ) {
    this.connections = new FileRing(join(directory, 'connections'), connBytes)
    this.payload = new FileRing(join(directory, 'payload'), payloadBytes)
    const arrays: readonly (readonly [name: string, bytes: number])[] = [
      ['counters', COUNTER_SLOTS.COUNTER_SLOTS * 8],
      ['wants', WANT_LIMIT.WANTS_MAX * Want.size],
      ['booked', BOOKED.BOOKED_MAX * 8],
      ['spoken', SPOKEN_LIMIT.SPOKEN_MAX * Spoken.size],
    ]
    this.#arrays = arrays.map(([name, bytes]) => {
      const fd = openSync(join(directory, name), 'w+')
      ftruncateSync(fd, Math.ceil(bytes / pageBytes()) * pageBytes())
      return fd
    })
  }

  /** As MAPS of receivers/ebpf/capabilities.ts. */
  get fds(): readonly number[] {
    return [this.connections.fd, this.payload.fd, ...this.#arrays]
  }

  get empty(): boolean {
    return this.connections.empty && this.payload.empty
  }

  get crowded(): boolean {
    return this.connections.crowded || this.payload.crowded
  }

  /** One request and its response, with the payload of it or without. */
  exchange(withPayload: boolean): void {
    const [client, server] = this.#current()
    this.#onConnection++
    if (!withPayload) return
    this.payload.write(client.piece(true, REQUEST))
    this.payload.write(server.piece(false, REQUEST))
    this.payload.write(server.piece(true, RESPONSE))
    this.payload.write(client.piece(false, RESPONSE))
  }

  close(): void {
    this.connections.close()
    this.payload.close()
    for (const fd of this.#arrays) closeSync(fd)
  }

  #current(): readonly [End, End] {
    if (this.#ends !== undefined && this.#onConnection < PER_CONNECTION) return this.#ends
    for (const end of this.#ends ?? []) {
      this.connections.write(end.connection(CONN_STATE.CONN_CLOSED))
    }
    const flow = ++this.#connectionCount
    this.#ends = [new End(2 * flow, flow, 0), new End(2 * flow + 1, flow, 1)]
    this.#onConnection = 0
    for (const end of this.#ends) this.connections.write(end.connection(CONN_STATE.CONN_OPEN))
    return this.#ends
  }
}

/** One end of a connection. */
export class End {
  readonly #record = Buffer.alloc(ConnRecord.size)
  readonly #piece = Buffer.alloc(PayloadRecord.size + RESPONSE.length)
  #sent = 0
  #received = 0

  constructor(id: number, flow: number, role: number) {
    const record = this.#record
    record[ConnRecord.type] = RECORD_TYPE.RECORD_CONNECTION
    record[ConnRecord.role] = role
    record.writeUInt32LE(id, ConnRecord.conn_id)
    record.writeUInt32LE(Math.imul(flow, 0x9e3779b1) >>> 0, ConnRecord.flow_id)
    record.writeUInt32LE(Math.imul(flow, 0x85ebca6b) >>> 0, ConnRecord.flow_id + 4)
    now(record, ConnRecord.start_ns)
    now(record, ConnRecord.established_ns)
    if (role === 0) record.writeUInt32LE(1000, ConnRecord.pid)
    if (role === 0) record.writeUInt32LE(1000, ConnRecord.tid)
    const port = 20_000 + (flow % 40_000)
    record.writeUInt16LE(role === 0 ? port : 8080, ConnRecord.local_port)
    record.writeUInt16LE(role === 0 ? 8080 : port, ConnRecord.remote_port)
    for (const field of [ConnRecord.local_addr, ConnRecord.remote_addr]) {
      record.set([0xff, 0xff, 127, 0, 0, 1], field + 10)
    }
    if (role === 0) record.write('load', ConnRecord.comm)
    const piece = this.#piece
    piece[PayloadRecord.type] = RECORD_TYPE.RECORD_PAYLOAD
    piece[PayloadRecord.role] = role
    piece.writeUInt32LE(1000 + role, PayloadRecord.pid)
    piece.writeUInt32LE(1000 + role, PayloadRecord.tid)
    piece.writeUInt32LE(80, PayloadRecord.srtt_us)
    piece.writeUInt32LE(20, PayloadRecord.min_rtt_us)
    piece.writeUInt32LE(id, PayloadRecord.conn_id)
    piece.write(role === 0 ? 'load' : 'nginx', PayloadRecord.comm)
  }

  connection(state: number): Uint8Array {
    const record = this.#record
    record[ConnRecord.state] = state
    if (state === CONN_STATE.CONN_CLOSED) now(record, ConnRecord.end_ns)
    record.writeUInt32LE(this.#sent, ConnRecord.bytes_sent)
    record.writeUInt32LE(this.#received, ConnRecord.bytes_received)
    return record
  }

  piece(sent: boolean, bytes: Buffer): Uint8Array {
    const piece = this.#piece
    const { DIRECTION_SENT, DIRECTION_RECEIVED } = DIRECTION
    piece[PayloadRecord.direction] = sent ? DIRECTION_SENT : DIRECTION_RECEIVED
    piece.writeUInt32LE(bytes.length, PayloadRecord.len)
    piece.writeUInt32LE(bytes.length, PayloadRecord.captured)
    piece.writeUInt32LE(sent ? this.#sent : this.#received, PayloadRecord.offset)
    if (sent) this.#sent += bytes.length
    else this.#received += bytes.length
    now(piece, PayloadRecord.time_ns)
    bytes.copy(piece, PayloadRecord.tail, bytes.length - 8)
    bytes.copy(piece, PayloadRecord.size)
    return piece.subarray(0, PayloadRecord.size + bytes.length)
  }
}

/** CLOCK_MONOTONIC. */
function now(record: Buffer, at: number): void {
  const [seconds, nanoseconds] = process.hrtime()
  const ns = seconds * 1e9 + nanoseconds
  record.writeUInt32LE(ns % TWO_32, at)
  record.writeUInt32LE(Math.floor(ns / TWO_32), at + 4)
}
