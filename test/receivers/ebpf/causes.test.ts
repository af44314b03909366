import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LONG_AFTER_NS, type Row, Script, type ScriptedConnection } from './script.ts'

const SERVICE = 7
const GET = 'GET /in HTTP/1.1\r\n\r\n'
const CALL = 'GET /out HTTP/1.1\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

function traced(request: string, trace: string, parent: string): string {
  return request.replace('\r\n\r\n', `\r\ntraceparent: 00-${trace}-${parent}-01\r\n\r\n`)
}

const TRACE_A = 'a'.repeat(32)
const TRACE_B = 'b'.repeat(32)
const PARENT_A = 'a'.repeat(16)
const PARENT_B = 'b'.repeat(16)

/** A service in one script: threads of one process read requests and make calls. */
class Service {
  readonly script = new Script()
  #flow = 0x100

  /** A request read by a thread; each has a connection of its own. */
  read(tid: number, request = GET): ScriptedConnection {
    const connection = this.connection('server')
    return connection.request({ bytes: request, tid })
  }

  connection(role: 'client' | 'server', more: { tid?: number; startNs?: number } = {}) {
    return this.script.connection({ role, pid: SERVICE, flowId: ++this.#flow, ...more })
  }

  /** A call that a thread makes and gets the answer to; its row. */
  call(tid: number, more: { request?: string; startNs?: number; readBy?: number } = {}): Row {
    this.script.rows()
    const connection = this.connection('client', { tid, startNs: more.startNs ?? 0 })
    connection.request({ bytes: more.request ?? CALL, tid })
    connection.response({ bytes: OK, tid: more.readBy ?? tid })
    const row = this.script.exchanges().find(({ role }) => role === 'client')
    assert.ok(row)
    return row
  }
}

function cause(row: Row): [method: unknown, confidence: unknown, flow: string] {
  const flow = (row.cause_flow_id as string).slice(-3)
  return [row.cause_method, row.cause_confidence, flow]
}

const NONE = ['none', Number.NaN, '000']

test('the one request that the thread has read is the cause', () => {
  const service = new Service()
  service.read(1)
  const row = service.call(1)
  assert.deepEqual(cause(row), ['thread', 0.9, '101'])
  assert.equal(row.cause_offset, 0)
})

test('the cause’s offset is that of its request, not of its connection', () => {
  const service = new Service()
  const inbound = service.read(1)
  inbound.response({ bytes: OK, tid: 1 }).request({ bytes: GET, tid: 1 })
  assert.equal(service.call(1).cause_offset, GET.length)
})

test('once the process has answered in the reading thread, the thread is certain', () => {
  const service = new Service()
  service.read(1).response({ bytes: OK, tid: 1 })
  service.read(1)
  assert.deepEqual(cause(service.call(1)).slice(0, 2), ['thread', 1])
})

test('an answered request causes nothing', () => {
  const service = new Service()
  service.read(1).response({ bytes: OK, tid: 1 })
  assert.deepEqual(cause(service.call(1)), NONE)
})

test('a request whose connection has ended causes nothing', () => {
  const service = new Service()
  service.read(1).close()
  assert.deepEqual(cause(service.call(1)), NONE)
})

test('what another thread has read causes nothing, nor does what another process has read', () => {
  const service = new Service()
  service.read(2)
  service.script.connection({ role: 'server', pid: 8 }).request({ bytes: GET, tid: 1 })
  assert.deepEqual(cause(service.call(1)), NONE)
})

test('of several the one read last is named, with its share of confidence', () => {
  const service = new Service()
  service.read(1)
  service.read(1)
  service.read(1)
  assert.deepEqual(cause(service.call(1)), ['thread', 1 / 3, '103'])
})

test('reading more of a request makes it the last one read', () => {
  const service = new Service()
  const first = service.read(1, 'POST /in HTTP/1.1\r\nContent-Length: 10\r\n\r\n')
  service.read(1)
  first.request({ bytes: 'hello', tid: 1 })
  assert.deepEqual(cause(service.call(1)), ['thread', 1 / 2, '101'])
})

test('reading the answer to a call turns the thread back to the call’s cause', () => {
  const service = new Service()
  const first = service.connection('server').request({ bytes: GET, tid: 1 })
  const call = service.connection('client').request({ bytes: CALL, tid: 1 })
  service.read(1)
  call.response({ bytes: OK, tid: 1 })
  assert.deepEqual(cause(service.call(1)), ['thread', 1 / 2, '101'])
  assert.ok(first)
})

test('a connect() by the thread tells what it had read by then', () => {
  for (const [startNs, flow] of [
    [3_000_000, '101'],
    [5_000_000, '102'],
  ] as const) {
    const service = new Service()
    service.connection('server').request({ bytes: GET, tid: 1, timeNs: 2_000_000 })
    service.connection('server').request({ bytes: GET, tid: 1, timeNs: 4_000_000 })
    assert.deepEqual(cause(service.call(1, { startNs })), ['thread', 1 / 2, flow])
  }
})

test('on a connection that is kept, an old connect() tells nothing', () => {
  const service = new Service()
  const kept = service.connection('client', { tid: 1, startNs: 3_000_000 })
  kept.request({ bytes: CALL, tid: 1 }).response({ bytes: OK, tid: 1 })
  service.connection('server').request({ bytes: GET, tid: 1, timeNs: 2_000_000 })
  service.connection('server').request({ bytes: GET, tid: 1, timeNs: 4_000_000 })
  service.script.rows()
  kept.request({ bytes: CALL, tid: 1 }).response({ bytes: OK, tid: 1 })
  const [row] = service.script.exchanges()
  assert.ok(row)
  assert.equal(cause(row)[2], '103')
})

test('once another thread has answered, all open requests of the process are candidates', () => {
  const service = new Service()
  service.read(1).response({ bytes: OK, tid: 2 })
  service.read(1)
  assert.deepEqual(cause(service.call(3)), ['timing', 0.8, '102'])
  service.read(2)
  assert.deepEqual(cause(service.call(2)).slice(0, 2), ['timing', 1 / 2])
})

test('once a call’s answer was read by another thread, the same', () => {
  const service = new Service()
  service.call(1, { readBy: 2 })
  service.read(1)
  assert.deepEqual(cause(service.call(3)).slice(0, 2), ['timing', 0.8])
})

test('one process’s habit says nothing of another', () => {
  const service = new Service()
  const other = service.script.connection({ role: 'server', pid: 8 })
  other.request({ bytes: GET, tid: 81 }).response({ bytes: OK, tid: 82 })
  service.read(1)
  assert.deepEqual(cause(service.call(1)).slice(0, 2), ['thread', 0.9])
})

test('a request belongs to the thread that has read of it last', () => {
  const service = new Service()
  const inbound = service.connection('server')
  inbound.request({ bytes: 'POST /in HTTP/1.1\r\nContent-Length: 9\r\n\r\n', tid: 1 })
  inbound.request({ bytes: 'half', tid: 2 })
  assert.deepEqual(cause(service.call(1)), NONE)
  assert.deepEqual(cause(service.call(2)), ['thread', 0.9, '101'])
})

test('a request that one thread peeked at and another took is the latter’s', () => {
  const service = new Service()
  const inbound = service.connection('server').request({ bytes: GET, tid: 1 })
  inbound.request({ bytes: GET, offset: 0, again: true, tid: 2 })
  assert.deepEqual(cause(service.call(2)), ['thread', 0.9, '101'])
})

test('a traceparent passed on unchanged names its request, whatever the threads', () => {
  const service = new Service()
  service.read(1, traced(GET, TRACE_A, PARENT_A))
  service.read(2, traced(GET, TRACE_B, PARENT_B))
  const request = traced(CALL, TRACE_A, PARENT_A)
  assert.deepEqual(cause(service.call(2, { request })), ['header', 1, '101'])
})

test('a new parent id in the same trace names the one request of that trace', () => {
  const service = new Service()
  service.read(1, traced(GET, TRACE_A, PARENT_A))
  service.read(1, traced(GET, TRACE_B, PARENT_B))
  const request = traced(CALL, TRACE_A, PARENT_B)
  assert.deepEqual(cause(service.call(1, { request })), ['header', 1, '101'])
})

test('two requests with one traceparent are told apart by threads again', () => {
  const service = new Service()
  service.read(1, traced(GET, TRACE_A, PARENT_A))
  service.read(2, traced(GET, TRACE_A, PARENT_A))
  const request = traced(CALL, TRACE_A, PARENT_A)
  assert.deepEqual(cause(service.call(1, { request })), ['thread', 0.9, '101'])
})

test('a request of another trace is no candidate', () => {
  const service = new Service()
  service.read(1, traced(GET, TRACE_A, PARENT_A))
  assert.deepEqual(cause(service.call(1, { request: traced(CALL, TRACE_B, PARENT_B) })), NONE)
  service.read(1)
  const row = service.call(1, { request: traced(CALL, TRACE_B, PARENT_B) })
  assert.deepEqual(cause(row).slice(0, 2), ['thread', 0.9])
})

test('among too many none is named, and it is counted', () => {
  const service = new Service()
  for (let i = 0; i < 300; i++) service.read(1)
  assert.deepEqual(cause(service.call(1)), NONE)
  service.script.followed.sweep(LONG_AFTER_NS)
  assert.equal(service.script.ledger.notes.get('causes_crowded'), 1)
})

test('a service’s own rows have no cause, as nobody sees who asked', () => {
  const service = new Service()
  service.read(1).response({ bytes: OK, tid: 1 })
  const [row] = service.script.exchanges()
  assert.ok(row)
  assert.deepEqual(cause(row), NONE)
})
