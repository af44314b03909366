/** Which request made a process look up a name, and that this spoils no other cause. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '../../../../pipeline/requests/connection.ts'
import { connectionOf, pieceOf, type Row } from '../talk.ts'
import { answer, mapped, Post, query, SERVER_WAY, TYPE } from './messages.ts'

const NAME = 'api.shop'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

interface By {
  readonly tid?: number
  readonly sleeps?: number
}

/** A process that is asked over HTTP, looks names up, and asks others. */
class Program {
  readonly post = new Post()
  #flow = 10
  readonly #offsets = new Map<Connection, { sent: number; received: number }>()

  connection(role: 'client' | 'server'): Connection {
    return Object.assign(connectionOf({ role }), { flowLo: this.#flow++, srcPort: this.#flow })
  }

  /** What goes on on a connection. */
  piece(on: Connection, text: string, of: By & { sent: boolean }): void {
    const { post } = this
    post.ns += 1000
    const bytes = Buffer.from(text)
    const offsets = this.#offsets.get(on) ?? { sent: 0, received: 0 }
    this.#offsets.set(on, offsets)
    const way = of.sent ? 'sent' : 'received'
    const { tid = 1, sleeps = 0 } = of
    const piece = Object.assign(pieceOf(bytes, bytes.length), { tid, sleeps, timeNs: post.ns })
    Object.assign(piece, { sent: of.sent, offset: offsets[way] })
    offsets[way] += bytes.length
    post.tracker.conversationOf(on).feed(piece)
  }

  isAsked(path: string, by: By = {}): Connection {
    const on = this.connection('server')
    this.piece(on, `GET /${path} HTTP/1.1\r\n\r\n`, { sent: false, ...by })
    return on
  }

  answers(on: Connection, by: By = {}): void {
    this.piece(on, OK, { sent: true, ...by })
  }

  /** A call on a connection that is open already. */
  calls(path: string, by: By = {}): void {
    const on = this.connection('client')
    Object.assign(on, { startNs: 1, connectTid: 0 })
    this.piece(on, `GET /${path} HTTP/1.1\r\n\r\n`, { sent: true, ...by })
    this.piece(on, OK, { sent: false, ...by })
  }

  asks(id: number, by: By & { type?: number } = {}): void {
    const { tid = 1, type = TYPE.A } = by
    this.post.give(query(NAME, { id, type }), { sent: true, tid, sleeps: by.sleeps ?? 0 })
  }

  hears(id: number, by: By & { type?: number } = {}): void {
    const { tid = 1, type = TYPE.A } = by
    this.post.give(answer(NAME, { id, type }), { sent: false, tid, sleeps: by.sleeps ?? 0 })
  }

  row(fits: (row: Row) => boolean): Row {
    const row = this.post.rows().find(fits)
    assert.ok(row !== undefined)
    return row
  }

  /** How the cause of the call for a path was found, and how surely. */
  causeOf(path: string): unknown[] {
    return cause(this.row((row) => row.role === 'client' && row.target === `/${path}`))
  }

  causeOfLookup(): unknown[] {
    return cause(this.row((row) => row.protocol === 'dns' && row.role === 'client'))
  }
}

function cause(row: Row): unknown[] {
  return [row.cause_method, row.cause_confidence, row.cause_flow_id]
}

function flowOf({ flowHi, flowLo }: Connection): string {
  return [flowHi, flowLo].map((half) => half.toString(16).padStart(8, '0')).join('')
}

test('what a thread looks up is caused by the request that it has read', () => {
  const program = new Program()
  const asked = program.isAsked('a', { tid: 5 })
  program.isAsked('b', { tid: 6 })
  program.asks(1, { tid: 5 })
  program.hears(1, { tid: 5 })
  assert.deepEqual(program.causeOfLookup(), ['thread', 0.9, flowOf(asked)])
})

test('what a thread of a pool looks up is caused by the one request that is open', () => {
  const program = new Program()
  const asked = program.isAsked('a', { tid: 5 })
  program.asks(1, { tid: 9 })
  program.hears(1, { tid: 9 })
  assert.deepEqual(program.causeOfLookup(), ['timing', 0.8, flowOf(asked)])

  const busy = new Program()
  busy.isAsked('a', { tid: 5 })
  busy.isAsked('b', { tid: 5 })
  busy.asks(1, { tid: 9 })
  busy.hears(1, { tid: 9 })
  assert.deepEqual(busy.causeOfLookup().slice(0, 2), ['timing', 0.5])
  const idle = new Program()
  idle.asks(1)
  idle.hears(1)
  assert.deepEqual(idle.causeOfLookup(), [undefined, undefined, undefined])
})

test('a forwarder asks what it was asked, unless it was asked twice', () => {
  const upstream = { remoteAddress: mapped(10, 0, 0, 9), localPort: 7777 }
  const from = (last: number) => ({ ...SERVER_WAY, remoteAddress: mapped(10, 0, 1, last) })
  const calls = (post: Post) => {
    post.asks(query(NAME, { id: 9 }), upstream).hears(answer(NAME, { id: 9 }), upstream)
    const [row] = post.rows().filter(({ role }) => role === 'client')
    return [row?.cause_method, row?.cause_confidence]
  }
  const post = new Post().hears(query(NAME), from(1)).hears(query('other.shop', { id: 2 }), from(2))
  assert.deepEqual(calls(post), ['identity', 0.95])
  const twice = new Post().hears(query(NAME), from(1)).hears(query(NAME), from(2))
  assert.deepEqual(calls(twice), ['thread', 0.5])
})

/** An event loop that sends its call in the same breath as it reads the request, often enough. */
function eventLoop(): Program {
  const program = new Program()
  for (let i = 0; i < 20; i++) {
    const on = program.isAsked(`learn${i}`)
    program.calls(`learnt${i}`)
    program.answers(on)
  }
  return program
}

test('an event loop that looks up names has the causes that it had without', () => {
  const plain = eventLoop()
  plain.isAsked('a')
  plain.isAsked('b')
  plain.calls('of-b')
  const [method, confidence] = plain.causeOf('of-b')
  assert.equal(method, 'thread')

  const looking = eventLoop()
  // A and AAAA at once teach nothing of calls, whenever their answers come.
  for (let i = 0; i < 20; i++) {
    const on = looking.isAsked(`x${i}`)
    for (const type of [TYPE.A, TYPE.AAAA]) looking.asks(i, { type })
    for (const type of [TYPE.A, TYPE.AAAA]) looking.hears(i, { type, sleeps: 1 })
    looking.answers(on, { sleeps: 1 })
  }
  looking.isAsked('a', { sleeps: 1 })
  looking.isAsked('b', { sleeps: 1 })
  looking.calls('of-b', { sleeps: 1 })
  assert.deepEqual(looking.causeOf('of-b').slice(0, 2), [method, confidence])
})

test('the answer to a look-up may be awaited by many, so it names no cause', () => {
  const program = eventLoop()
  program.isAsked('a')
  program.asks(1)
  program.isAsked('b')
  program.hears(1)
  // For a, whose name is known now, or for b.
  program.calls('of-either')
  assert.deepEqual(program.causeOf('of-either').slice(0, 2), ['thread', 0.5])
})

test('a look-up that nobody answers has its cause, too', () => {
  const program = new Program()
  const asked = program.isAsked('a')
  program.asks(1)
  program.post.wait(11)
  const row = program.row(({ error }) => error === 'timeout')
  assert.deepEqual(cause(row), ['thread', 0.9, flowOf(asked)])
})
