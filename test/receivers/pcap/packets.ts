/** Packets and capture files, byte by byte, for tests. */
import { isIPv6 } from 'node:net'

export interface TcpOptions {
  readonly from?: string
  readonly to?: string
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly sequence?: number
  readonly acknowledgement?: number
  /** `S`, `SA`, `A`, `F`, `R`, `P`. */
  readonly flags?: string
  readonly payload?: string | Uint8Array
  readonly identification?: number
  readonly timestamp?: number
}

const FLAG: { readonly [letter: string]: number } = { F: 1, S: 2, R: 4, P: 8, A: 16 }

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** A TCP segment without IP. */
export function tcp(options: TcpOptions): Buffer {
  const flags = [...(options.flags ?? 'A')].reduce((all, letter) => all | (FLAG[letter] ?? 0), 0)
  const { timestamp } = options
  const more =
    timestamp === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.of(1, 1, 8, 10), u32(timestamp), u32(0)])
  return Buffer.concat([
    u16(options.sourcePort ?? 40_000),
    u16(options.destinationPort ?? 80),
    u32(options.sequence ?? 0),
    u32(options.acknowledgement ?? 0),
    Buffer.of(((20 + more.length) / 4) << 4, flags),
    u16(65_535),
    u16(0),
    u16(0),
    more,
    Buffer.from(options.payload ?? ''),
  ])
}

/** An IP packet around a transport's bytes. */
export function ip(
  from: string,
  to: string,
  of: { protocol: number; body: Uint8Array; identification?: number; fragment?: number },
): Buffer {
  const addresses = Buffer.concat([addressBytes(from), addressBytes(to)])
  if (isIPv6(from)) {
    const header = [Buffer.of(0x60, 0, 0, 0), u16(of.body.length), Buffer.of(of.protocol, 64)]
    return Buffer.concat([...header, addresses, of.body])
  }
  return Buffer.concat([
    Buffer.of(0x45, 0),
    u16(20 + of.body.length),
    u16(of.identification ?? 0),
    u16(of.fragment ?? 0x4000),
    Buffer.of(64, of.protocol),
    u16(0),
    addresses,
    of.body,
  ])
}

export function udp(destinationPort: number, body: Uint8Array, sourcePort = 5555): Buffer {
  return Buffer.concat([u16(sourcePort), u16(destinationPort), u16(8 + body.length), u16(0), body])
}

/** A TCP segment in IP. */
export function packet(options: TcpOptions): Buffer {
  const { from = '10.0.0.1', to = '10.0.0.2', identification } = options
  const body = tcp(options)
  return ip(from, to, {
    protocol: 6,
    body,
    ...(identification !== undefined && { identification }),
  })
}

export function ethernet(etherType: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(12, 2), u16(etherType), body])
}

function addressBytes(text: string): Buffer {
  if (!isIPv6(text)) return Buffer.from(text.split('.').map(Number))
  const [head = '', tail = ''] = text.split('::')
  const words = (part: string) => part.split(':').filter((word) => word !== '')
  const missing = 8 - words(head).length - words(tail).length
  const all = [...words(head), ...Array<string>(missing).fill('0'), ...words(tail)]
  return Buffer.concat(all.map((word) => u16(Number.parseInt(word, 16))))
}

export interface Timed {
  readonly bytes: Uint8Array
  /** Microseconds since the epoch. */
  readonly us?: number
  /** Bytes on the wire, where fewer were captured. */
  readonly length?: number
}

interface PcapOptions {
  readonly linkType?: number
  readonly bigEndian?: boolean
  readonly nanoseconds?: boolean
}

export function pcap(packets: readonly Timed[], options: PcapOptions = {}): Buffer {
  const { linkType = 101, bigEndian = false, nanoseconds = false } = options
  const n32 = (value: number) => (bigEndian ? u32(value) : u32(value).swap32())
  const n16 = (value: number) => (bigEndian ? u16(value) : u16(value).swap16())
  const header = [
    n32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4),
    n16(2),
    n16(4),
    n32(0),
    n32(0),
    n32(262_144),
    n32(linkType),
  ]
  const body = packets.flatMap(({ bytes, us = 1_000_000, length = bytes.length }) => [
    n32(Math.floor(us / 1e6)),
    n32((us % 1e6) * (nanoseconds ? 1000 : 1)),
    n32(bytes.length),
    n32(length),
    Buffer.from(bytes),
  ])
  return Buffer.concat([...header, ...body])
}

export function option(code: number, body: Uint8Array, bigEndian: boolean): Buffer {
  const head = [u16(code), u16(body.length)].map((part) => (bigEndian ? part : part.swap16()))
  return Buffer.concat([...head, body, Buffer.alloc(-body.length & 3)])
}

export function block(type: number, body: Uint8Array, bigEndian: boolean): Buffer {
  const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)])
  const [kind, total] = [u32(type), u32(padded.length + 12)].map((part) =>
    bigEndian ? part : part.swap32(),
  ) as [Buffer, Buffer]
  return Buffer.concat([kind, total, padded, total])
}

/** A section with one interface and enhanced packets, timestamps in microseconds. */
export function pcapng(
  packets: readonly (Timed & { readonly flags?: number })[],
  options: { linkType?: number; bigEndian?: boolean; interfaceOptions?: readonly Buffer[] } = {},
): Buffer {
  const { linkType = 101, bigEndian = false, interfaceOptions = [] } = options
  const n32 = (value: number) => (bigEndian ? u32(value) : u32(value).swap32())
  const n16 = (value: number) => (bigEndian ? u16(value) : u16(value).swap16())
  const section = [n32(0x1a2b3c4d), n16(1), n16(0), n32(0xffffffff), n32(0xffffffff)]
  const blocks = [
    block(0x0a0d0d0a, Buffer.concat(section), bigEndian),
    block(1, Buffer.concat([n16(linkType), n16(0), n32(0), ...interfaceOptions]), bigEndian),
  ]
  for (const { bytes, us = 1_000_000, length = bytes.length, flags } of packets) {
    const body = [
      n32(0),
      n32(Math.floor(us / 2 ** 32)),
      n32(us % 2 ** 32),
      n32(bytes.length),
      n32(length),
      Buffer.from(bytes),
      Buffer.alloc(-bytes.length & 3),
      ...(flags === undefined ? [] : [option(2, n32(flags), bigEndian)]),
    ]
    blocks.push(block(6, Buffer.concat(body), bigEndian))
  }
  return Buffer.concat(blocks)
}
