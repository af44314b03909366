/** Records of UDP as objects that assertions can read, and programs that send datagrams. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { inspect, promisify } from 'node:util'
import { DatagramRecord, UdpRecord } from '../../pipeline/kernel_events/events.gen.ts'
import { waitFor } from '../kit/processes.ts'
import { address, copy, type Kernel, text } from './kernel.ts'

export const DATAGRAMS = join(import.meta.dirname, 'datagrams.py')

export interface UdpFlow {
  readonly state: number
  readonly role: number
  readonly close_reason: number
  readonly netns: number
  readonly flow_id: bigint
  readonly start_ns: bigint
  readonly end_ns: bigint
  readonly bytes_sent: number
  readonly bytes_received: number
  readonly datagrams_sent: number
  readonly datagrams_received: number
  readonly bytes_sent_since: number
  readonly bytes_received_since: number
  readonly datagrams_sent_since: number
  readonly datagrams_received_since: number
  readonly drops: number
  readonly pid: number
  readonly local_port: number
  readonly remote_port: number
  readonly local_addr: string
  readonly remote_addr: string
  readonly comm: string
}

export interface CapturedDatagram {
  readonly direction: number
  readonly local_port: number
  readonly remote_port: number
  readonly len: number
  readonly pid: number
  readonly tid: number
  readonly bytes: Buffer
}

export function udpFlow(view: DataView, at: number): UdpFlow {
  const u8 = (field: number) => view.getUint8(at + field)
  const u16 = (field: number) => view.getUint16(at + field, true)
  const u32 = (field: number) => view.getUint32(at + field, true)
  const u64 = (field: number) => view.getBigUint64(at + field, true)
  return {
    state: u8(UdpRecord.state),
    role: u8(UdpRecord.role),
    close_reason: u8(UdpRecord.close_reason),
    netns: u32(UdpRecord.netns),
    flow_id: u64(UdpRecord.flow_id),
    start_ns: u64(UdpRecord.start_ns),
    end_ns: u64(UdpRecord.end_ns),
    bytes_sent: Number(u64(UdpRecord.bytes_sent)),
    bytes_received: Number(u64(UdpRecord.bytes_received)),
    datagrams_sent: Number(u64(UdpRecord.datagrams_sent)),
    datagrams_received: Number(u64(UdpRecord.datagrams_received)),
    bytes_sent_since: Number(u64(UdpRecord.bytes_sent_since)),
    bytes_received_since: Number(u64(UdpRecord.bytes_received_since)),
    datagrams_sent_since: Number(u64(UdpRecord.datagrams_sent_since)),
    datagrams_received_since: Number(u64(UdpRecord.datagrams_received_since)),
    drops: u32(UdpRecord.drops),
    pid: u32(UdpRecord.pid),
    local_port: u16(UdpRecord.local_port),
    remote_port: u16(UdpRecord.remote_port),
    local_addr: address(view, at + UdpRecord.local_addr),
    remote_addr: address(view, at + UdpRecord.remote_addr),
    comm: text(view, at + UdpRecord.comm),
  }
}

export function capturedDatagram(view: DataView, at: number): CapturedDatagram {
  const u16 = (field: number) => view.getUint16(at + field, true)
  const u32 = (field: number) => view.getUint32(at + field, true)
  return {
    direction: view.getUint8(at + DatagramRecord.direction),
    local_port: u16(DatagramRecord.local_port),
    remote_port: u16(DatagramRecord.remote_port),
    len: u32(DatagramRecord.len),
    pid: u32(DatagramRecord.pid),
    tid: u32(DatagramRecord.tid),
    bytes: copy(view, at + DatagramRecord.size, u32(DatagramRecord.captured)),
  }
}

/** The first record of UDP that matches; waits for it. */
export async function udpRecord(kernel: Kernel, wanted: Partial<UdpFlow>): Promise<UdpFlow> {
  const matches = (flow: UdpFlow) =>
    Object.entries(wanted).every(([key, value]) => flow[key as keyof UdpFlow] === value)
  return waitFor(`A flow of UDP ${inspect(wanted)}`, () => {
    kernel.drain()
    return kernel.udp.find(matches)
  })
}

export interface DatagramsReport {
  readonly pid: number
  readonly client_port: number
  readonly server_port: number
  readonly ports: readonly number[]
  readonly read: number
}

/** Runs a scenario of datagrams.py, by `within` (such as inside a pod); its own report. */
export async function datagrams(
  scenario: string,
  options: Record<string, string | number> = {},
  within: (command: [string, ...string[]]) => [string, ...string[]] = (command) => command,
): Promise<DatagramsReport> {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`)
  const [program, ...args] = within(['python3', DATAGRAMS, scenario, ...pairs])
  const { stdout } = await promisify(execFile)(program, args)
  return JSON.parse(stdout) as DatagramsReport
}
