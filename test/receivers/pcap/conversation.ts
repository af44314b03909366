/** A TCP conversation between two addresses, as packets of a capture. */
import { packet, type TcpOptions, type Timed } from './packets.ts'

export interface Ends {
  readonly client?: string
  readonly server?: string
  readonly clientPort?: number
  readonly serverPort?: number
  readonly clientIsn?: number
  readonly serverIsn?: number
}

type Side = 'client' | 'server'

export class Conversation {
  readonly packets: Timed[]
  readonly #ends: Required<Ends>
  readonly #next: Record<Side, number>
  readonly #clock: { us: number }
  #identification = 1

  /** Conversations that are given the same `capture` share its packets and clock. */
  constructor(ends: Ends = {}, capture = new Capture()) {
    this.#ends = {
      client: '10.0.0.1',
      server: '10.0.0.2',
      clientPort: 40_000,
      serverPort: 80,
      clientIsn: 1000,
      serverIsn: 5000,
      ...ends,
    }
    this.packets = capture.packets
    this.#clock = capture.clock
    this.#next = { client: this.#ends.clientIsn, server: this.#ends.serverIsn }
  }

  /** SYN, SYN-ACK and ACK, `us` apart. */
  open(us = 100): this {
    this.#send('client', { flags: 'S' }, 0)
    this.#next.client++
    this.#send('server', { flags: 'SA' }, us)
    this.#next.server++
    return this.#send('client', { flags: 'A' }, us)
  }

  /** Payload, `us` after the packet before. */
  say(side: Side, payload: string | Uint8Array, us = 100): this {
    this.#send(side, { flags: 'PA', payload }, us)
    this.#next[side] += payload.length
    return this
  }

  ack(side: Side, us = 100): this {
    return this.#send(side, { flags: 'A' }, us)
  }

  /** The last packet once more, as the network stack sends it: with another identification. */
  again(us = 200_000): this {
    const last = this.packets.at(-1) as Timed
    const bytes = Buffer.from(last.bytes)
    bytes.writeUInt16BE(this.#identification++, 4)
    this.#clock.us += us
    this.packets.push({ ...last, bytes, us: this.#clock.us })
    return this
  }

  fin(side: Side, us = 100): this {
    this.#send(side, { flags: 'FA' }, us)
    this.#next[side]++
    return this
  }

  reset(side: Side, us = 100): this {
    return this.#send(side, { flags: 'RA' }, us)
  }

  close(): this {
    return this.fin('client').fin('server').ack('client')
  }

  #send(side: Side, options: TcpOptions, us: number): this {
    const { client, server, clientPort, serverPort } = this.#ends
    const fromClient = side === 'client'
    this.#clock.us += us
    const bytes = packet({
      ...options,
      from: fromClient ? client : server,
      to: fromClient ? server : client,
      sourcePort: fromClient ? clientPort : serverPort,
      destinationPort: fromClient ? serverPort : clientPort,
      sequence: this.#next[side],
      acknowledgement: this.#next[fromClient ? 'server' : 'client'],
      identification: this.#identification++,
    })
    this.packets.push({ bytes, us: this.#clock.us })
    return this
  }
}

/** What conversations share. */
export class Capture {
  readonly packets: Timed[] = []
  readonly clock = { us: 1_700_000_000_000_000 }
}

export function get(path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: shop\r\n${more}\r\n`
}

export function answer(body: string, status = 200): string {
  return `HTTP/1.1 ${status} OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
