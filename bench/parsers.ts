/**
 * What the search for requests costs a protocol, from piece to row: exchanges a CPU second, without
 * kernel, ring and packets. HTTP/1 is measured beside it in the same run, round by round in turns.
 */
import type { Connection } from '../pipeline/requests/connection.ts'
import type { Way } from '../pipeline/requests/datagrams.ts'
import { RowWriter } from '../pipeline/requests/rows.ts'
import { RequestTracker } from '../pipeline/requests/tracker.ts'
import { connectionOf, pieceOf, type Said } from '../test/pipeline/requests/talk.ts'
import { settingsOf } from '../test/pipeline/surroundings.ts'
import { describeMachine } from './machine.ts'
import { median } from './statistics.ts'

const ROUNDS = 15
const PIECE_NS = 10_000

export interface Conversation {
  readonly name: string
  readonly port: number
  readonly exchanges: number
  readonly said: readonly Said[]
  /** Over UDP: each is a datagram, each query from a port of its own. */
  readonly isDatagrams?: boolean
}

const FIELDS = 'Host: shop.example\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\nX-Request-Id: 5a3f\r\n'
const REQUEST = Buffer.from(`GET /orders/17?page=2 HTTP/1.1\r\n${FIELDS}\r\n`)
const RESPONSE = Buffer.from(
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n' +
    `Content-Length: 612\r\n\r\n${'x'.repeat(612)}`,
)

export function http1(exchanges: number): Conversation {
  const pair: Said[] = [
    { by: 'client', bytes: REQUEST },
    { by: 'server', bytes: RESPONSE },
  ]
  const said = Array.from({ length: exchanges }, () => pair).flat()
  return { name: 'HTTP/1.1 GET, 612 bytes', port: 80, exchanges, said }
}

/** CPU nanoseconds an exchange, seen at one end. */
function round({ name, port, exchanges, said, isDatagrams = false }: Conversation): number {
  let rows = 0
  const writer = new RowWriter({
    rowsMax: 1000,
    clock: { offset: [0, 0] },
    lossEpoch: () => 0,
    full: (batch) => {
      rows += batch.rows
    },
  })
  const tracker = new RequestTracker(
    {
      query: 'redact',
      dnsTimeoutNs: 1e12,
      pipelinedMax: 128,
      exchangesMax: 65_536,
      openAfterNs: 1e12,
      openAgainNs: 1e12,
    },
    {
      ledger: settingsOf().ledger,
      rows: writer,
      lossEpoch: () => 0,
      losing: () => false,
      threadsKnown: true,
    },
  )
  const connection = connectionOf({ role: 'server', port })
  const offsets = { client: 0, server: 0 }
  const pieces = said.map(({ by, bytes }, i) => {
    const piece = pieceOf(Buffer.from(bytes), bytes.length)
    piece.sent = by === 'server'
    piece.offset = offsets[by]
    piece.timeNs = (i + 1) * PIECE_NS
    offsets[by] += bytes.length
    return piece
  })
  const before = process.cpuUsage()
  if (isDatagrams) {
    for (const [i, piece] of pieces.entries()) tracker.datagram(wayOf(connection, i >> 1), piece)
  } else {
    for (const piece of pieces) {
      tracker.conversationOf(connection).feed(piece)
      tracker.bound()
    }
  }
  const { user, system } = process.cpuUsage(before)
  rows += writer.take()?.rows ?? 0
  if (rows !== exchanges) throw new Error(`${name}: ${rows} rows of ${exchanges}`)
  return ((user + system) * 1000) / exchanges
}

/** Of the server's end; the object is new each time, as the ring's would not be. */
function wayOf({ srcAddress, dstAddress, dstPort }: Connection, query: number): Way {
  return {
    localAddress: dstAddress,
    remoteAddress: srcAddress,
    localPort: dstPort,
    remotePort: 1024 + query,
    netns: 1,
    cgroupLo: 0,
    cgroupHi: 0,
    pid: 1,
    comm: 'dnsmasq',
  }
}

export function measureParsers(conversations: readonly Conversation[]): void {
  console.log(describeMachine())
  const costs = new Map<Conversation, number[]>(conversations.map((each) => [each, []]))
  for (let i = 0; i < ROUNDS; i++) {
    for (const [conversation, all] of costs) all.push(round(conversation))
  }
  for (const [{ name }, all] of costs) {
    // The first rounds warm up.
    const ns = median(all.slice(5))
    const thousands = Math.round(1e6 / ns)
    console.log(`${name}: ${thousands} thousand exchanges a CPU second, ${Math.round(ns)} ns each`)
  }
}
