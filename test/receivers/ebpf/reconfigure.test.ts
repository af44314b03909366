/** Another configuration in the middle of what goes on: nothing that is open is forgotten. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema } from '../../../receivers/ebpf/config.ts'
import { Script } from './script.ts'

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'

test('an exchange that has begun ends as it would have, and new ones follow the new options', () => {
  const script = new Script()
  const connection = script.connection().request({ bytes: GET })
  connection.response({ bytes: `${OK}01234` })
  script.followed.reconfigure(schema.parse({ requests: { query: 'drop' } }))
  connection.response({ bytes: '56789' })
  connection.request({ bytes: GET }).response({ bytes: `${OK}0123456789` })
  const exchanges = script.exchanges()
  assert.deepEqual(
    exchanges.map(({ target, status, response_bytes, state }) => [
      target,
      status,
      response_bytes,
      state,
    ]),
    [
      ['/a?b=REDACTED', 200, OK.length + 10, 'closed'],
      ['/a', 200, OK.length + 10, 'closed'],
    ],
  )
})

test('a higher limit forgets nothing, a lower one lets go of what is beyond it, counted', () => {
  const script = new Script({ connections_max: 4 })
  const connections = [1, 2, 3, 4].map(() => script.connection().request({ bytes: GET }))
  script.followed.reconfigure(schema.parse({ connections_max: 8 }))
  connections.push(script.connection().request({ bytes: GET }))
  assert.equal(script.ledger.notes.get('connections_evicted'), undefined)
  assert.equal(script.followed.memory().connections, 5)
  script.rows()
  script.followed.reconfigure(schema.parse({ connections_max: 2 }))
  assert.equal(script.ledger.notes.get('connections_evicted'), 3)
  assert.equal(script.followed.memory().connections, 2)
  // Their exchanges are told of, without an end.
  assert.equal(script.exchanges().length, 3)
})

test('a lower limit of open exchanges takes effect with the next piece', () => {
  const script = new Script()
  const connections = [1, 2, 3, 4].map(() => script.connection().request({ bytes: GET }))
  script.followed.reconfigure(schema.parse({ requests: { exchanges_max: 2 } }))
  connections[3]?.response({ bytes: OK })
  assert.equal(script.followed.memory().openExchanges, 2)
  assert.equal(script.ledger.notes.get('exchanges_abandoned'), 2)
})
