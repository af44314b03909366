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

  /** A call on a connection of its own, by the thread that connects. */
  calls(path: string, by: By = {}): Connection {
    const { tid: connectTid = 1, sleeps: connectSleeps = 0 } = by
    const connected = { startNs: this.post.ns, connectTid, connectSleeps }
    const on = Object.assign(this.connection('client'), connected)
    this.piece(on, `GET /${path} HTTP/1.1\r\n\r\n`, { sent: true, ...by })
    return on
  }

  isAnswered(on: Connection, by: By = {}): void {
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

/** An event loop that sends two calls for each request, each in the breath in which it may. */
function eventLoop(): Program {
  const program = new Program()
  for (let i = 0; i < 20; i++) {
    const on = program.isAsked(`learn${i}`)
    program.isAnswered(program.calls(`first${i}`))
    program.isAnswered(program.calls(`second${i}`))
    program.answers(on)
  }
  return program
}

/** Causes of a request's first call and another's second, while the other of them waits. */
function causesOfCalls(program: Program): unknown[][] {
  const asked = program.isAsked('a')
  const first = program.calls('first-of-a')
  const other = program.isAsked('b')
  const waiting = program.calls('first-of-b')
  program.isAnswered(first)
  program.isAnswered(program.calls('second-of-a'))
  program.isAnswered(waiting)
  return ['first-of-b', 'second-of-a'].map((path) => {
    const [method, confidence, flow] = program.causeOf(path)
    return [method, confidence, flow === flowOf(path === 'first-of-b' ? other : asked)]
  })
}

test('an event loop that looks up names has the causes that it had without', () => {
  const plain = causesOfCalls(eventLoop())
  for (const [method, confidence, isRight] of plain) {
    assert.deepEqual([method, isRight], ['thread', true])
    assert.ok((confidence as number) > 0.8, String(confidence))
  }

  const looking = eventLoop()
  // A and AAAA at once teach nothing of calls, whenever they are asked for and answered.
  for (let i = 0; i < 20; i++) {
    const open = i % 2 === 0 ? ['x'] : ['x', 'y']
    const all = open.map((name) => looking.isAsked(`${name}${i}`))
    const sleeps = i % 4 < 2 ? 0 : 1
    for (const type of [TYPE.A, TYPE.AAAA]) looking.asks(i, { type, sleeps })
    for (const type of [TYPE.A, TYPE.AAAA]) looking.hears(i, { type, sleeps: 2 })
    for (const on of all) looking.answers(on)
  }
  assert.deepEqual(causesOfCalls(looking), plain)

  // Nor does a request wait for a look-up that somebody else may be in need of.
  const waiting = eventLoop()
  waiting.isAsked('c')
  waiting.asks(99)
  for (const [, confidence] of causesOfCalls(waiting)) assert.ok((confidence as number) <= 0.5)
})

test('that nobody knows who reads a datagram says nothing of how a process works', () => {
  const program = new Program()
  const asked = program.isAsked('a', { tid: 5 })
  program.asks(1, { tid: 5 })
  program.hears(1, { tid: 0 })
  program.isAsked('b', { tid: 6 })
  program.isAnswered(program.calls('of-a', { tid: 5 }))
  assert.deepEqual(program.causeOf('of-a'), ['thread', 0.9, flowOf(asked)])

  const resolver = new Program()
  const query53 = (sent: boolean, tid: number) =>
    resolver.post.give(sent ? answer(NAME) : query(NAME), { sent, tid, way: SERVER_WAY })
  query53(false, 0)
  query53(true, 5)
  const its = resolver.isAsked('a', { tid: 5 })
  resolver.isAnswered(resolver.calls('of-a', { tid: 5 }))
  assert.deepEqual(resolver.causeOf('of-a'), ['thread', 0.9, flowOf(its)])
})

test('the answer to a look-up may be awaited by many, so it names no cause', () => {
  const program = eventLoop()
  program.isAsked('a')
  program.asks(1)
  program.isAsked('b')
  program.hears(1)
  // For a, whose name is known now, or for b.
  program.isAnswered(program.calls('of-either'))
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
