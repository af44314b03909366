/** After a gap no response is paired with a request that it may not answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Script } from '../script.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('where records were lost, a response after a gap may be of a request that is missing too', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET })
  script.lossEpoch++ // its response is lost, and the next request
  connection.response({ bytes: OK, offset: OK.length })
  connection.request({ bytes: GET.replace('/a', '/c'), offset: 2 * GET.length })
  connection.response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.target, row.status, row.desynchronised]),
    [
      ['/a', 0, 1],
      ['/c', 200, 0],
    ],
  )
  assert.equal(script.ledger.notes.get('responses_without_request'), 1)
})

test('of pipelined requests whose responses have a gap none is paired, until a new turn', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET + GET + GET })
  connection.response({ bytes: OK, offset: OK.length }).response({ bytes: OK })
  connection.request({ bytes: GET.replace('/a', '/b') }).response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.target, row.status, row.desynchronised]),
    [
      ['/a', 0, 1],
      ['/a', 0, 1],
      ['/a', 0, 1],
      ['/b', 200, 0],
    ],
  )
})

test('of pipelined requests one that is missing leaves no doubtful pair', () => {
  const script = new Script()
  const connection = script.connection()
  connection.request({ bytes: GET + GET }).response({ bytes: OK + OK })
  connection.request({ bytes: GET.replace('/a', '/b') })
  connection.request({ bytes: GET.replace('/a', '/d'), offset: 4 * GET.length })
  for (let i = 0; i < 3; i++) connection.response({ bytes: OK })
  connection.request({ bytes: GET.replace('/a', '/e') }).response({ bytes: OK })
  assert.deepEqual(
    script.exchanges().map((row) => [row.target, row.status]),
    [
      ['/a', 200],
      ['/a', 200],
      ['/b', 0],
      ['/d', 0],
      ['/e', 200],
    ],
  )
})
