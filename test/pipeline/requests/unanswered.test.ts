import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, headers, request } from './http2/wire.ts'
import { PORT as MYSQL_PORT, query, start } from './mysql/packets.ts'
import { client, type Said, server, Talk } from './talk.ts'

interface Asked {
  readonly port: number
  readonly said: readonly Said[]
}

const HTTP: Asked = { port: 80, said: [client('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')] }
const REDIS: Asked = { port: 6379, said: [client('*2\r\n$3\r\nGET\r\n$1\r\na\r\n')] }

/** Of each protocol what is said up to a whole request, the only one. */
const REQUESTS: readonly (readonly [protocol: string, asked: Asked])[] = [
  ['http', HTTP],
  ['http', { port: 80, said: [...begin, client(headers(1, request('/a'), 5))] }],
  ['redis', REDIS],
  ['memcached', { port: 11_211, said: [client('get a\r\n')] }],
  ['mysql', { port: MYSQL_PORT, said: [...start(), query('SELECT 1')] }],
]

for (const [protocol, { port, said }] of REQUESTS) {
  test(`${protocol}: a request whose connection ends before its answer says how`, () => {
    const ends = [
      ['fin', 'connection_closed'],
      ['rst_sent', 'connection_reset'],
      ['rst_received', 'connection_reset'],
      ['timeout', 'timeout'],
    ] as const
    for (const role of ['client', 'server'] as const) {
      for (const [reason, error] of ends) {
        const rows = new Talk({ role, port }).say(...said).close(reason)
        assert.deepEqual(
          rows.map((row) => [row.protocol, row.error, row.desynchronised]),
          [[protocol, error, undefined]],
        )
      }
    }
  })
}

test('where the answer may have been missed nothing is said of it', () => {
  const [row] = new Talk({ port: 80 }).say(...HTTP.said).close('fin', 100)
  assert.deepEqual([row?.error, row?.desynchronised], [undefined, true])
})

test('an answer that was missed before the end is no error of a later request', () => {
  const talk = new Talk({ port: 80 })
  talk.say(...HTTP.said, server('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const rows = talk.say(...HTTP.said).close('fin')
  assert.deepEqual(
    rows.map((row) => [row.status, row.error]),
    [
      [200, undefined],
      [undefined, 'connection_closed'],
    ],
  )
})

test('an answer that has begun is no error, and is marked', () => {
  const begun = server('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
  const [row] = new Talk({ port: 80 }).say(...HTTP.said, begun).close('rst_received')
  assert.deepEqual([row?.status, row?.error, row?.desynchronised], [200, undefined, true])
})

test('a request that has not ended is no error, and is marked', () => {
  const half = client('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
  const [row] = new Talk({ port: 80 }).say(half).close('fin')
  assert.deepEqual([row?.error, row?.desynchronised], [undefined, true])
})

test('of several requests each without an answer has the error', () => {
  const rows = new Talk({ port: 6379 }).say(...REDIS.said, ...REDIS.said).close('timeout')
  assert.deepEqual(
    rows.map((row) => row.error),
    ['timeout', 'timeout'],
  )
})
