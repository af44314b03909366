/** Requests on a connection that is older than the receiver, and the rows of what is open. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Held } from '../../bpf/held.ts'
import { waitFor } from '../../kit/processes.ts'
import { Capture, SKIP } from './capture.ts'

/** The first request, which went before. */
const BEFORE = 'GET /before HTTP/1.1\r\nHost: held\r\n\r\n'
const LATER = 'GET /after HTTP/1.1\r\nHost: held\r\n\r\n'
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const SETTINGS = frame(4, 0, 0, '')
/** `:method: GET`, `:path: /`, `:scheme: http`; `:status: 200`: of HPACK's static table. */
const ASK = '\x82\x84\x86'
const OK = '\x88'

function frame(type: number, flags: number, stream: number, body: string): string {
  return `\0\0${String.fromCharCode(body.length, type, flags)}\0\0\0${String.fromCharCode(stream)}${body}`
}

function requests(up: readonly string[], down: readonly string[]) {
  const hex = (texts: readonly string[]) =>
    texts.map((text) => Buffer.from(text, 'latin1').toString('hex')).join(',')
  return { scenario: 'requests', options: { up: hex(up), down: hex(down) } }
}

test('HTTP/2 on an older connection is known by its header blocks', { skip: SKIP }, async (t) => {
  const up = [PREFACE + SETTINGS + frame(1, 5, 1, ASK), frame(1, 5, 3, ASK), frame(1, 5, 5, ASK)]
  const down = [SETTINGS + frame(1, 5, 1, OK), frame(1, 5, 3, OK), frame(1, 5, 5, OK)]
  const held = new Held(t, requests(up, down))
  const { client_port } = await held.says()
  const capture = await Capture.start()
  t.after(() => capture.stop())
  held.go()
  await held.says()
  held.go()
  await held.says()
  const rows = await waitFor('Two exchanges at both ends', () => {
    const found = capture.rows.filter(
      (row) => row.kind === 'exchange' && row.src_port === client_port && row.state === 'closed',
    )
    return found.length === 4 ? found : undefined
  })
  for (const row of rows) {
    assert.deepEqual([row.protocol, row.protocol_version, row.target], ['http', '2', '/'])
    assert.deepEqual([row.method, row.status], ['GET', 200])
  }
})

test('requests on an older connection are read from the next one on, at both ends', {
  skip: SKIP,
}, async (t) => {
  const held = new Held(t, requests([BEFORE, LATER], [ANSWER, ANSWER]))
  const { pid, client_port } = await held.says()
  const capture = await Capture.start({ connections: { interval: '100ms' } })
  t.after(() => capture.stop())
  const of = (kind: string) =>
    capture.rows.filter((row) => row.kind === kind && row.src_port === client_port)
  await waitFor('Both ends', () => of('connection').length >= 2)
  held.go()
  await held.says()
  const exchanges = await waitFor('Both exchanges', () => {
    const rows = of('exchange').filter((row) => row.state === 'closed')
    return rows.length === 2 ? rows : undefined
  })
  assert.deepEqual(exchanges.map((row) => row.role).sort(), ['client', 'server'])
  for (const row of exchanges) {
    assert.deepEqual([row.target, row.status, row.pid], ['/after', 200, pid])
    assert.equal(row.request_offset, BEFORE.length)
    assert.equal(row.flow_id, exchanges[0]?.flow_id)
  }
  const told = await waitFor('What it did since', () => {
    const rows = of('connection').filter((row) => Number(row.bytes_sent_delta) > 0)
    return rows.length === 2 ? rows : undefined
  })
  const [client, server] = ['client', 'server'].map((role) => told.find((row) => row.role === role))
  assert.deepEqual(
    [client?.bytes_sent, client?.bytes_sent_delta, client?.bytes_received_delta],
    [BEFORE.length + LATER.length, LATER.length, ANSWER.length],
  )
  assert.deepEqual([server?.bytes_sent_delta, server?.older], [ANSWER.length, 1])
  for (const row of [client, server]) {
    assert.deepEqual([row?.state, row?.start, row?.pid], ['interim', 0, pid])
    assert.equal(row?.flow_id, exchanges[0]?.flow_id)
  }
})
