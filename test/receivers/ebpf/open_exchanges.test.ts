/** Exchanges that last: told of while they are open, and ended when nobody will see their end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LONG_AFTER_NS, Script } from './script.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('an exchange that lasts on says so again, as often as it is to', () => {
  const script = new Script({ requests: { open_row_after: '1s', open_row_interval: '10s' } })
  const connection = script.connection()
  connection.request({ bytes: GET, timeNs: 1e9 })
  const rowsAt = [1.5, 2.5, 3, 12, 12.5, 13, 22.4, 22.6].map((second) => {
    script.followed.sweep(second * 1e9)
    return script.exchanges().length
  })
  assert.deepEqual(rowsAt, [0, 1, 0, 0, 1, 0, 0, 1])
  connection.response({ bytes: OK, timeNs: 40e9 })
  script.followed.sweep(41e9)
  assert.deepEqual(
    script.exchanges().map(({ state }) => state),
    ['closed'],
  )
})

test('what goes on when all ends has ended for us, be it announced or not', () => {
  const script = new Script()
  script.connection({ flowId: 1 }).request({ bytes: GET, timeNs: 1e9 })
  script.followed.sweep(3e9)
  assert.equal(script.exchanges()[0]?.state, 'open')
  const second = GET.replace('/a', '/b')
  script.connection({ flowId: 2 }).request({ bytes: `${GET}${second}`, timeNs: 3e9 })
  script.connection({ flowId: 3 }).request({ bytes: GET }).response({ bytes: OK })
  script.exchanges()
  script.followed.stop(4e9)
  const rows = script.exchanges()
  assert.deepEqual(
    rows.map((row) => [row.state, row.target, row.unfinished, row.desynchronised]),
    ['/a', '/a', '/b'].map((target) => ['closed', target, 'agent_stopped', 1]),
  )
  for (const row of rows) {
    assert.ok(Number.isNaN(row.duration_us), 'nobody knows how long it took')
    assert.ok((row.end as number) > (row.start as number))
  }
  assert.equal(script.ledger.notes.get('exchanges_unfinished'), 3)
})

test('an exchange that lasts sends an open row first, once', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET })
  script.followed.sweep(LONG_AFTER_NS)
  script.followed.sweep(LONG_AFTER_NS)
  const [open, ...more] = script.exchanges()
  assert.equal(more.length, 0)
  assert.deepEqual(
    { state: open?.state, target: open?.target, status: open?.status, end: open?.end },
    {
      state: 'open',
      target: '/a',
      status: 0,
      end: 0,
    },
  )
  connection.response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.state, row.status]),
    [['closed', 200]],
  )
})
