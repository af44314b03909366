/**
 * The kernel programs, opened for a test: real programs on real sockets make records, and these are
 * decoded into objects that assertions can read.
 */
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { inspect, promisify } from 'node:util'
import pino from 'pino'
import {
  CAPTURE_LIMIT,
  CgroupRecord,
  COUNTER,
  ConnFigures,
  ConnRecord,
  ListenerRecord,
  PayloadRecord,
  ProcessRecord,
  RECORD_TYPE,
} from '../../pipeline/kernel_events/events.gen.ts'
import { pathOf } from '../../pipeline/kernel_events/identities.ts'
import type { KernelInfo } from '../../receivers/ebpf/capabilities.ts'
import { type Counters, openCounters } from '../../receivers/ebpf/counters.ts'
import {
  type KeptKernel,
  type KernelConfig,
  keepKernel,
  type Loaded,
  loadKernel,
} from '../../receivers/ebpf/keeper.ts'
import type { BpfObject } from '../../receivers/ebpf/libbpf.ts'
import { openRing, type Ring } from '../../receivers/ebpf/ring.ts'
import { openWants, type Wants } from '../../receivers/ebpf/wants.ts'
import { waitFor } from '../kit/processes.ts'
import { skipUnless } from '../kit/requirements.ts'
import { type CapturedDatagram, capturedDatagram, type UdpFlow, udpFlow } from './udp.ts'

/** Episodes, which are off by default. */
export const EYES = { delayMs: 10, jitterMs: 10 }

/** Everything up to 8 KiB comes whole, so that streams can be put together again. */
export const CONFIG: KernelConfig = {
  requests: true,
  drops: true,
  interimMs: 0,
  connRingBytes: 1 << 20,
  payloadRingBytes: 1 << 24,
  captureSmallBytes: CAPTURE_LIMIT.CAPTURE_MAX,
  captureMaxBytes: CAPTURE_LIMIT.CAPTURE_MAX,
  udp: { enabled: true, idleMs: 60_000, flowsMax: 65_536, dnsPorts: [53] },
}

export const settings = { id: 'ebpf', logger: pino({ level: 'silent' }) }

/** For `test({ skip })`. */
export const SKIP = skipUnless(
  process.getuid?.() === 0 ? undefined : 'Cannot load kernel programs as this is not root',
)

export interface Connection {
  readonly state: number
  readonly role: number
  readonly close_reason: number
  readonly flags: number
  readonly conn_id: bigint
  readonly flow_id: bigint
  readonly start_ns: bigint
  readonly established_ns: bigint
  readonly end_ns: bigint
  readonly cgroup_id: bigint
  readonly bytes_sent: number
  readonly bytes_received: number
  readonly netns: number
  readonly pid: number
  readonly tid: number
  readonly isn_client: number
  readonly isn_server: number
  readonly segs_out: number
  readonly segs_in: number
  readonly retrans: number
  readonly syn_retries: number
  readonly srtt_us: number
  readonly rttvar_us: number
  readonly min_rtt_us: number
  readonly local_port: number
  readonly remote_port: number
  readonly sent_since: bigint
  readonly received_since: bigint
  readonly busy_us: bigint
  readonly rwnd_limited_us: bigint
  readonly sndbuf_limited_us: bigint
  readonly rwnd_limited_since_us: bigint
  readonly sndbuf_limited_since_us: bigint
  readonly delivery_rate: bigint
  readonly retrans_since: number
  readonly drops: number
  readonly drop_reason: number
  readonly last_sent_ms: number
  readonly last_received_ms: number
  readonly local_addr: string
  readonly remote_addr: string
  readonly comm: string
}

export interface Listener {
  readonly state: number
  readonly local_port: number
  readonly netns: number
  readonly pid: number
  readonly drops: number
  readonly drops_since: number
  readonly synack_retries: number
  readonly synack_retries_since: number
  readonly accept_queue: number
  readonly accept_queue_max: number
  readonly local_addr: string
  readonly comm: string
}

/** A record of a cgroup, or of a process: `pid` is of the latter alone. */
export interface IdentityRecord {
  readonly type: number
  readonly cgroup_id: bigint
  readonly pid: number
  readonly path: string
}

export interface Piece {
  readonly direction: number
  readonly role: number
  readonly flags: number
  readonly len: number
  readonly skipped: number
  readonly pid: number
  readonly tid: number
  readonly conn_id: bigint
  readonly offset: number
  readonly bytes: Buffer
  readonly tail: Buffer
  readonly comm: string
}

type Descriptors = [connections: number, payload: number, counters: number, wants: number]

export class Kernel {
  readonly privileged: KeptKernel
  /** For maps that only the loader reaches. */
  readonly object: BpfObject
  readonly info: KernelInfo
  readonly counters: Counters
  readonly connections: Connection[] = []
  readonly listeners: Listener[] = []
  readonly identities: IdentityRecord[] = []
  readonly pieces: Piece[] = []
  readonly udp: UdpFlow[] = []
  readonly datagrams: CapturedDatagram[] = []
  readonly #connRing: Ring
  readonly #payloadRing: Ring
  readonly wants: Wants
  readonly #closeWants: () => void

  private constructor(privileged: KeptKernel, { object }: Loaded) {
    this.privileged = privileged
    this.object = object
    this.info = privileged.info as KernelInfo
    const [connFd, payloadFd, countersFd, wantsFd] = privileged.fds as Descriptors
    this.#connRing = openRing(connFd, this.info.connRingBytes)
    this.#payloadRing = openRing(payloadFd, this.info.payloadRingBytes)
    this.counters = openCounters(countersFd)
    const { wants, close } = openWants(wantsFd)
    this.wants = wants
    this.#closeWants = close
  }

  static async open(config: Partial<KernelConfig> = {}): Promise<Kernel> {
    const full = { ...CONFIG, ...config }
    const loaded = loadKernel(full)
    return new Kernel(keepKernel(loaded, full, settings), loaded)
  }

  /** Takes what the rings hold. */
  drain(): void {
    this.#connRing.drain((view, at) => {
      const type = view.getUint8(at)
      if (type === RECORD_TYPE.RECORD_LISTENER) this.listeners.push(listener(view, at))
      else if (type === RECORD_TYPE.RECORD_UDP) this.udp.push(udpFlow(view, at))
      else if (type === RECORD_TYPE.RECORD_CONNECTION) this.connections.push(connection(view, at))
      else this.identities.push(identity(view, at))
    })
    this.#payloadRing.drain((view, at) => {
      const isDatagram = view.getUint8(at) === RECORD_TYPE.RECORD_DATAGRAM
      if (isDatagram) this.datagrams.push(capturedDatagram(view, at))
      else this.pieces.push(piece(view, at))
    })
  }

  /** The first connection record that matches; waits for it. */
  async connection(wanted: Partial<Connection>): Promise<Connection> {
    return waitFor(`A connection ${inspect(wanted)}`, () => {
      this.drain()
      return this.connections.find((found) => matches(found, wanted))
    })
  }

  /**
   * Waits until every event is a record or a counted loss. Other programs of this host connect too:
   * only at a moment between two events do the sums agree.
   */
  async balance(): Promise<void> {
    const { counters } = this
    const balances = (records: number, [events, lost]: [number, number]) =>
      records + counters.read(lost) === counters.read(events)
    await waitFor('A moment when all events are accounted for', () => {
      this.drain()
      const { COUNTER_CONN_EVENTS, COUNTER_CONN_LOST_RING } = COUNTER
      const { COUNTER_PAYLOAD_EVENTS, COUNTER_PAYLOAD_LOST_RING } = COUNTER
      return (
        (balances(this.connections.length, [COUNTER_CONN_EVENTS, COUNTER_CONN_LOST_RING]) &&
          balances(this.pieces.length + this.datagrams.length, [
            COUNTER_PAYLOAD_EVENTS,
            COUNTER_PAYLOAD_LOST_RING,
          ])) ||
        undefined
      )
    })
  }

  close(): void {
    this.#connRing.close()
    this.#payloadRing.close()
    this.counters.close()
    this.#closeWants()
    this.privileged.close()
  }
}

function matches(found: Connection, wanted: Partial<Connection>): boolean {
  return Object.entries(wanted).every(([key, value]) => found[key as keyof Connection] === value)
}

function connection(view: DataView, at: number): Connection {
  return {
    ...numbers(view, at, ConnRecord),
    ...numbers(view, at + ConnRecord.figures, ConnFigures),
    bytes_sent: Number(view.getBigUint64(at + ConnRecord.bytes_sent, true)),
    bytes_received: Number(view.getBigUint64(at + ConnRecord.bytes_received, true)),
    local_addr: address(view, at + ConnRecord.local_addr),
    remote_addr: address(view, at + ConnRecord.remote_addr),
    comm: text(view, at + ConnRecord.comm),
  } as Connection
}

/** Every field by its name; a field ends where the next begins, or the record. */
function numbers(view: DataView, at: number, fields: Record<string, number>): object {
  const offsets = Object.values(fields)
  const values = Object.entries(fields).map(([name, offset]) => {
    const next = Math.min(...offsets.filter((other) => other > offset))
    return [name, read(view, at + offset, next - offset)] as const
  })
  return Object.fromEntries(values.filter(([name]) => !/^(?:size|type|pad\d?|figures)$/.test(name)))
}

function listener(view: DataView, at: number): Listener {
  return {
    ...numbers(view, at, ListenerRecord),
    local_addr: address(view, at + ListenerRecord.local_addr),
    comm: text(view, at + ListenerRecord.comm),
  } as Listener
}

function identity(view: DataView, at: number): IdentityRecord {
  const isProcess = view.getUint8(at) === RECORD_TYPE.RECORD_PROCESS
  const record = isProcess ? ProcessRecord : CgroupRecord
  return {
    type: view.getUint8(at),
    cgroup_id: view.getBigUint64(at + record.cgroup_id, true),
    pid: isProcess ? view.getUint32(at + ProcessRecord.pid, true) : 0,
    path: pathOf(view, at, record),
  }
}

function read(view: DataView, at: number, bytes: number): number | bigint {
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at, true)
  if (bytes === 4) return view.getUint32(at, true)
  return bytes === 8 ? view.getBigUint64(at, true) : 0
}

function piece(view: DataView, at: number): Piece {
  const u32 = (offset: number) => view.getUint32(at + offset, true)
  return {
    direction: view.getUint8(at + PayloadRecord.direction),
    role: view.getUint8(at + PayloadRecord.role),
    flags: view.getUint8(at + PayloadRecord.flags),
    len: u32(PayloadRecord.len),
    skipped: u32(PayloadRecord.skipped),
    pid: u32(PayloadRecord.pid),
    tid: u32(PayloadRecord.tid),
    conn_id: view.getBigUint64(at + PayloadRecord.conn_id, true),
    offset: Number(view.getBigUint64(at + PayloadRecord.offset, true)),
    bytes: copy(view, at + PayloadRecord.size, u32(PayloadRecord.captured)),
    tail: copy(view, at + PayloadRecord.tail, 8),
    comm: text(view, at + PayloadRecord.comm),
  }
}

export function copy(view: DataView, at: number, length: number): Buffer {
  return Buffer.from(new Uint8Array(view.buffer, view.byteOffset + at, length))
}

export function text(view: DataView, at: number): string {
  return copy(view, at, 16).toString().replace(/\0.*/s, '')
}

/** 32 hexadecimal digits, or dotted where IPv4 is mapped. */
export function address(view: DataView, at: number): string {
  const bytes = copy(view, at, 16)
  const mapped = bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'))
  return mapped ? bytes.subarray(12).join('.') : bytes.toString('hex')
}

export const SOCKETS = join(import.meta.dirname, 'sockets.py')

export interface SocketReport {
  readonly pid: number
  readonly client_port: number
  readonly server_port: number
  readonly up: number
  readonly down: number
  readonly bytes: number
  readonly head: number
  readonly short: number
  readonly error?: string
}

/** Runs a scenario of sockets.py, by `command` (such as inside a pod); its own report. */
export async function sockets(
  scenario: string,
  {
    options = {},
    within = (command) => command,
  }: {
    options?: Record<string, string | number>
    within?: (command: [string, ...string[]]) => [string, ...string[]]
  } = {},
): Promise<SocketReport> {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`)
  const [program, ...args] = within(['python3', SOCKETS, scenario, ...pairs])
  const { stdout } = await promisify(execFile)(program, args)
  return JSON.parse(stdout) as SocketReport
}

/** Runs a command to its end; throws with what it printed. */
export function command(...[program, ...args]: [string, ...string[]]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return stdout
  throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}
