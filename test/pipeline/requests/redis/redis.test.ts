import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patternOf } from '../../../../pipeline/requests/key_pattern.ts'
import { client, parserSuite, type Said, server, Talk, type TalkOptions } from '../talk.ts'

const PORT = 6379

function command(...words: string[]): Said {
  return client(`*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`)
}

function talk(said: readonly Said[], options: TalkOptions = {}) {
  return new Talk({ port: PORT, ...options }).say(...said)
}

function told(said: readonly Said[], options: TalkOptions = {}) {
  const rows = talk(said, options).end()
  return rows.map(({ method, target, query, error }) => [method, target, query, error])
}

const GET = [command('GET', 'user:12:name'), server('$5\r\nalice\r\n')]
const PIPELINE = [
  client(Buffer.concat([command('SET', 'a', '1').bytes, command('INCR', 'a').bytes])),
  server('+OK\r\n:2\r\n'),
]
const NESTED = [
  command('LRANGE', 'list', '0', '-1'),
  server('*2\r\n*1\r\n$1\r\nx\r\n%1\r\n+k\r\n*-1\r\n'),
  command('PING'),
  server('+PONG\r\n'),
]
const RESP3 = [
  command('HELLO', '3'),
  server('%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n'),
  command('GET', 'k'),
  server('>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n|1\r\n+ttl\r\n:9\r\n_\r\n'),
]
const SUBSCRIBE = [
  command('SUBSCRIBE', 'a', 'b'),
  server('*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n'),
  server('*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n'),
  command('PING'),
  server('*2\r\n$4\r\npong\r\n$0\r\n\r\n'),
]

parserSuite('redis', { port: PORT, conversations: [GET, PIPELINE, NESTED, RESP3, SUBSCRIBE] })

test('a command and its reply: name, key pattern, text without values, sizes', () => {
  const [row] = talk(GET).end()
  assert.equal(row?.protocol, 'redis')
  assert.equal(row?.namespace, '0')
  assert.deepEqual(
    [row?.method, row?.target, row?.query],
    ['GET', 'user:*:name', 'GET user:*:name'],
  )
  assert.deepEqual([row?.request_bytes, row?.response_bytes], [GET[0]?.bytes.length, 11])
})

test('pipelined commands are answered in order', () => {
  assert.deepEqual(told(PIPELINE), [
    ['SET', 'a', 'SET a ?', undefined],
    ['INCR', 'a', 'INCR a', undefined],
  ])
})

test('an error says its code', () => {
  const said = [command('LPUSH', 'k', 'v'), server('-WRONGTYPE Operation against a key\r\n')]
  assert.deepEqual(told(said), [['LPUSH', 'k', 'LPUSH k ?', 'WRONGTYPE']])
})

test('pushes and messages answer nothing, confirmations their subscription', () => {
  assert.deepEqual(
    told(RESP3).map(([method]) => method),
    ['HELLO', 'GET'],
  )
  assert.deepEqual(
    told(SUBSCRIBE).map(([method]) => method),
    ['SUBSCRIBE', 'PING'],
  )
  const { responses_without_request } = talk([...RESP3, ...SUBSCRIBE.slice(2, 3)]).notes
  assert.equal(responses_without_request, 1)
})

test('secrets and scripts are in no text', () => {
  const auth = [command('AUTH', 'user', 'hunter2'), server('+OK\r\n')]
  assert.deepEqual(told(auth), [['AUTH', undefined, 'AUTH ?', undefined]])
  const evaluated = [command('EVAL', 'return "secret"', '0'), server(':1\r\n')]
  assert.deepEqual(told(evaluated), [['EVAL', undefined, 'EVAL ?', undefined]])
  const set = [command('CONFIG', 'SET', 'requirepass', 'x'), server('+OK\r\n')]
  assert.deepEqual(told(set), [['CONFIG SET', undefined, 'CONFIG SET', undefined]])
})

test('the policy for queries decides on keys', () => {
  assert.deepEqual(told(GET, { query: 'keep' })[0]?.slice(0, 2), ['GET', 'user:12:name'])
  assert.deepEqual(told(GET, { query: 'drop' })[0]?.slice(0, 2), ['GET', undefined])
})

test('the selected database is the namespace', () => {
  const rows = talk([command('SELECT', '3'), server('+OK\r\n'), ...GET]).end()
  assert.deepEqual(
    rows.map(({ namespace }) => namespace),
    ['3', '3'],
  )
})

test('a long value of which only the beginning is known still ends where it ends', () => {
  const value = 'v'.repeat(5000)
  const said = [
    command('SET', 'big', value),
    server('+OK\r\n'),
    command('GET', 'big'),
    server(`$5000\r\n${value}\r\n`),
  ]
  const captured = (length: number) => Math.min(length, 1024)
  assert.deepEqual(
    talk(said, { captured })
      .end()
      .map(({ method, desynchronised }) => [method, desynchronised]),
    [
      ['SET', undefined],
      ['GET', undefined],
    ],
  )
})

test('after missing bytes the next command that stands alone is paired again, and marked', () => {
  const talking = talk(GET)
  talking.skip('server', 100)
  const rows = talking.say(command('GET', 'x'), server('$1\r\n1\r\n'), ...GET).end()
  assert.deepEqual(
    rows.map(({ target, desynchronised }) => [target, desynchronised]),
    [
      ['user:*:name', undefined],
      ['x', true],
      ['user:*:name', undefined],
    ],
  )
})

test('a reply of more short values than are known ends with the next turn, for pipelines too', () => {
  const many = server(`*2000\r\n${'$1\r\nx\r\n'.repeat(2000)}`)
  const two = client(
    Buffer.concat([...GET.slice(0, 1), ...GET.slice(0, 1)].map(({ bytes }) => bytes)),
  )
  const answers = server('$1\r\n1\r\n-ERR no\r\n')
  const captured = (length: number) => Math.min(length, 4096)
  const talking = talk([command('LRANGE', 'list', '0', '-1'), many], { captured })
  const rows = talking.say(two, answers, two, answers).end()
  assert.deepEqual(
    rows.map(({ method, error, desynchronised }) => [method, error, desynchronised]),
    [
      ['LRANGE', undefined, true],
      ['GET', undefined, true],
      ['GET', 'ERR', true],
      ['GET', undefined, undefined],
      ['GET', 'ERR', undefined],
    ],
  )
  assert.equal(talking.notes.redis_desynchronised, 1)
})

test('replies are nobody’s for sure while more of them come than were asked for since a loss', () => {
  const talking = talk(GET).say(command('GET', 'a'), command('GET', 'b')).skip('client', 30)
  talking.say(command('GET', 'c'), server('$1\r\n1\r\n$1\r\n2\r\n'))
  talking.say(server('$1\r\n3\r\n$1\r\n4\r\n'), ...GET, ...GET)
  assert.deepEqual(
    talking.end().map(({ target, desynchronised }) => [target, desynchronised]),
    [
      ['user:*:name', undefined],
      ['a', true],
      ['b', true],
      ['c', true],
      ['user:*:name', true],
      ['user:*:name', undefined],
    ],
  )
})

test('inline commands are commands', () => {
  assert.deepEqual(
    told([...GET, client('PING\r\n'), server('+PONG\r\n')]).map(([method]) => method),
    ['GET', 'PING'],
  )
})

test('patterns keep names and drop values', () => {
  const patterns: [string, string][] = [
    ['cart', 'cart'],
    ['session:8f14e45f', 'session:*'],
    ['user/42/friends', 'user/*/friends'],
    ['mail:bob@example.org', 'mail:*.org'],
    ['köln', '*'],
  ]
  for (const [key, pattern] of patterns) assert.equal(patternOf(key), pattern)
})
