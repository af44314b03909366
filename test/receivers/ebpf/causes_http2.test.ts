/** Several requests at once on one connection: which of them a call was sent for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  headers,
  PREFACE,
  request,
  SETTINGS,
} from '../../pipeline/requests/http2/wire.ts'
import { type Row, Script, type ScriptedConnection } from './script.ts'

const PID = 7
const GET = 'GET /in HTTP/1.1\r\n\r\n'
const CALL = 'GET /out HTTP/1.1\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const HELLO = Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0)])
const SERVED = 0x200

/** A process of one thread, which serves HTTP/2 and calls by HTTP/1. */
class Loop {
  readonly script = new Script()
  #flow = 0x100

  connection(role: 'client' | 'server', flowId = ++this.#flow): ScriptedConnection {
    const startNs = this.script.tick()
    return this.script.connection({ role, pid: PID, flowId, tid: PID, startNs })
  }

  serve(): ScriptedConnection {
    return this.connection('server', SERVED).request({ bytes: HELLO, tid: PID })
  }

  send(to: ScriptedConnection): void {
    to.request({ bytes: CALL, tid: PID })
  }

  returned(from: ScriptedConnection): void {
    from.response({ bytes: OK, tid: PID })
  }

  /** A connection for calls that was used before. */
  kept(): ScriptedConnection {
    const kept = this.connection('client')
    this.send(kept)
    this.returned(kept)
    return kept
  }

  /** So often as is needed to believe that the process sends at once. */
  learn(): void {
    for (let i = 0; i < 8; i++) {
      const inbound = this.connection('server').request({ bytes: GET, tid: PID })
      const call = this.connection('client')
      this.send(call)
      this.returned(call)
      inbound.response({ bytes: OK, tid: PID })
    }
    this.script.rows()
  }

  /** Of the last call that has ended. */
  cause(): { flow: number; offset: unknown; confidence: number } {
    const row = this.script.exchanges().findLast(({ role }) => role === 'client') as Row
    return {
      flow: Number.parseInt(String(row.cause_flow_id), 16),
      offset: row.cause_offset,
      confidence: Number(row.cause_confidence),
    }
  }
}

function get(stream: number): Buffer {
  return headers(stream, request(`/${stream}`), END_HEADERS | END_STREAM)
}

test('the stream that was read is the one that a call is sent at once for', () => {
  const loop = new Loop()
  const [one, two] = [loop.kept(), loop.kept()]
  loop.learn()
  const served = loop.serve()
  served.request({ bytes: get(1), tid: PID })
  loop.send(one)
  served.request({ bytes: get(3), tid: PID })
  loop.send(two)
  loop.returned(two)
  const { flow, offset, confidence } = loop.cause()
  assert.equal(flow, SERVED)
  assert.equal(offset, HELLO.length + get(1).length)
  assert.ok(confidence > 0.7, String(confidence))
})

test('of streams that are read at once nobody is sure', () => {
  const loop = new Loop()
  const call = loop.kept()
  loop.learn()
  loop.serve().request({ bytes: Buffer.concat([get(1), get(3)]), tid: PID })
  loop.send(call)
  loop.returned(call)
  assert.equal(loop.cause().confidence, 1 / 2)
})

test('more of a request makes its stream the last one that was read', () => {
  const loop = new Loop()
  const call = loop.kept()
  const served = loop.serve()
  const upload = headers(1, { ...request('/up'), ':method': 'POST' })
  served.request({ bytes: upload, tid: PID }).request({ bytes: get(3), tid: PID })
  served.request({ bytes: frame(DATA, 1, { body: 'more' }), tid: PID })
  loop.send(call)
  loop.returned(call)
  assert.deepEqual(loop.cause(), { flow: SERVED, offset: HELLO.length, confidence: 1 / 2 })
})
