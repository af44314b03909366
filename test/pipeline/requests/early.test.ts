/**
 * Answers that are seen before the last byte of their requests: what is too large is refused as
 * soon as its length is known, and of a request whose last bytes were missed the answer is all
 * that follows.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as http2 from './http2/wire.ts'
import * as kafka from './kafka/wire.ts'
import { answer, error, ok, packet, start } from './mysql/packets.ts'
import { client, type Row, type Said, server, Talk } from './talk.ts'

const BODY = 'x'.repeat(20_000)

interface Case {
  readonly name: string
  readonly port: number
  /** What is said before. */
  readonly before?: readonly Said[]
  readonly request: string | Buffer
  /** From here on its answer may come, and up to there its bytes may be missing. */
  readonly from: number
  readonly to: number
  readonly answer: Said
  readonly next: readonly [Said, Said]
  /** Method, target, status and error of both. */
  readonly rows: readonly [readonly unknown[], readonly unknown[]]
  /** It is over with its answer, whatever its client meant to send. */
  readonly endsEarly?: boolean
}

/** The bytes that may come late, or be missing, are those of `body`. */
function ranged(said: string | Uint8Array, body = BODY) {
  const request = Buffer.from(said as Uint8Array)
  const from = request.indexOf(body)
  return { request, from, to: from + body.length }
}

function message(type: string, text: string): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeInt32BE(Buffer.byteLength(text) + 4, 1)
  return Buffer.concat([head, Buffer.from(text)])
}

const READY = message('Z', 'I')
const PG_STARTUP = Buffer.from('\0\0\0\x11\0\x03\0\0user\0bob\0')
PG_STARTUP.writeInt32BE(PG_STARTUP.length)
const PG = {
  port: 5432,
  before: [client(PG_STARTUP), server(Buffer.concat([message('R', '\0\0\0\0'), READY]))],
  answer: server(Buffer.concat([message('E', 'SERROR\0C54000\0Mtoo long\0\0'), READY])),
  next: [
    client(message('Q', 'SELECT 1\0')),
    server(Buffer.concat([message('C', 'SELECT 1\0'), READY])),
  ],
  rows: [
    ['INSERT', 't', undefined, '54000'],
    ['SELECT', undefined, undefined, undefined],
  ],
} as const
const PG_TEXT = `INSERT INTO t VALUES ('${BODY}')\0`

const MEMCACHED = {
  port: 11_211,
  next: [client('set small 0 0 1\r\nx\r\n'), server('STORED\r\n')],
} as const

/** A frame takes no more. */
const FRAME_BODY = BODY.slice(0, 16_000)
const LAST = http2.END_HEADERS | http2.END_STREAM

function posted(stream: number, more: Readonly<Record<string, string>> = {}): Buffer {
  const fields = http2.request('/shop.Orders/Add', { ':method': 'POST', ...more })
  const first = http2.frame(http2.DATA, stream, { body: 'first' })
  const flags = http2.END_STREAM
  const last = http2.frame(http2.DATA, stream, { flags, body: FRAME_BODY })
  return Buffer.concat([http2.headers(stream, fields), first, last])
}

function ended(stream: number, fields: Readonly<Record<string, string>>): Said {
  return server(http2.headers(stream, fields, LAST))
}

const CASES: readonly Case[] = [
  {
    name: 'kafka',
    port: kafka.PORT,
    ...ranged(kafka.produce(7, { orders: Buffer.from(BODY) }).bytes),
    answer: kafka.produced(7, { orders: 10 }),
    next: kafka.heartbeat(8),
    rows: [
      ['Produce', 'orders', undefined, 'MESSAGE_TOO_LARGE'],
      ['Heartbeat', undefined, undefined, undefined],
    ],
  },
  {
    name: 'http2',
    port: 8080,
    before: http2.begin,
    ...ranged(posted(1), FRAME_BODY),
    answer: ended(1, { ':status': '413' }),
    next: [client(http2.headers(3, http2.request('/next'), LAST)), ended(3, { ':status': '200' })],
    rows: [
      ['POST', '/shop.Orders/Add', 413, undefined],
      ['GET', '/next', 200, undefined],
    ],
  },
  {
    name: 'grpc',
    port: 50_051,
    before: http2.begin,
    ...ranged(posted(1, http2.GRPC), FRAME_BODY),
    answer: ended(1, { ':status': '200', 'grpc-status': '8', ...http2.GRPC }),
    endsEarly: true,
    next: [client(posted(3, http2.GRPC)), ended(3, { ':status': '200', 'grpc-status': '0' })],
    rows: [
      ['Add', '/shop.Orders/Add', 8, 'RESOURCE_EXHAUSTED'],
      ['Add', '/shop.Orders/Add', undefined, undefined],
    ],
  },
  {
    name: 'memcached',
    ...MEMCACHED,
    ...ranged(`set big 0 0 ${BODY.length}\r\n${BODY}\r\n`),
    answer: server('SERVER_ERROR object too large for cache\r\n'),
    rows: [
      ['set', 'big', undefined, 'SERVER_ERROR'],
      ['set', 'small', undefined, undefined],
    ],
  },
  {
    name: 'memcached, behind quiet ones',
    ...MEMCACHED,
    ...ranged(`md a q k\r\nms big ${BODY.length} k\r\n${BODY}\r\n`),
    answer: server('NF ka\r\nNS kbig\r\n'),
    rows: [
      ['md', 'a', undefined, undefined],
      ['set', 'small', undefined, undefined],
    ],
  },
  {
    name: 'redis',
    port: 6379,
    ...ranged(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${BODY.length}\r\n${BODY}\r\n`),
    answer: server('-OOM command not allowed\r\n'),
    next: [client('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n'), server('+OK\r\n')],
    rows: [
      ['SET', 'big', undefined, 'OOM'],
      ['SET', 'a', undefined, undefined],
    ],
  },
  {
    name: 'mysql',
    port: 3306,
    before: start(),
    ...ranged(packet(0, 3, `INSERT INTO t VALUES ('${BODY}')`)),
    answer: answer([error(1153)]),
    next: [client(packet(0, 3, 'DELETE FROM u')), answer([ok()])],
    rows: [
      ['INSERT', 't', undefined, '1153'],
      ['DELETE', 'u', undefined, undefined],
    ],
  },
  { name: 'postgresql', ...PG, ...ranged(message('Q', PG_TEXT)) },
  {
    name: 'postgresql, extended',
    ...PG,
    ...ranged(
      Buffer.concat([
        message('P', `s1\0${PG_TEXT}\0\0`),
        message('B', '\0s1\0\0\0\0\0\0\0'),
        message('E', '\0\0\0\0\0'),
        message('S', ''),
      ]),
    ),
  },
  {
    name: 'http',
    port: 80,
    ...ranged(`POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`),
    answer: server('HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n'),
    next: [
      client('GET /next HTTP/1.1\r\nHost: a\r\n\r\n'),
      server('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
    ],
    rows: [
      ['POST', '/big', 413, undefined],
      ['GET', '/next', 200, undefined],
    ],
  },
]

function told(rows: readonly Row[]): unknown[] {
  return rows.map(({ method, target, status, error }) => [method, target, status, error])
}

function isMarked({ desynchronised }: Row): boolean {
  return desynchronised === true
}

/** Both in any order of their pieces. */
function mixed(one: readonly Said[], other: readonly Said[], isOne: () => boolean): Said[] {
  const [left, right] = [[...one], [...other]]
  const all: Said[] = []
  while (left.length + right.length > 0) {
    const from = right.length === 0 || (left.length > 0 && isOne()) ? left : right
    all.push(from.shift() as Said)
  }
  return all
}

function pieces({ by, bytes }: Said, length: number): Said[] {
  const count = Math.ceil(bytes.length / length)
  return Array.from({ length: count }, (_, i) => ({
    by,
    bytes: bytes.subarray(i * length, (i + 1) * length),
  }))
}

for (const of of CASES) {
  const { name, port, before = [], next } = of
  const request = Buffer.from(of.request)
  const at = fc.integer({ min: of.from, max: of.to - 1 })

  for (const role of ['client', 'server'] as const) {
    test(`${name}: an answer amidst the last pieces of its request is its own (${role})`, () => {
      const lengths = fc.record({ asked: fc.integer({ min: 700 }), said: fc.integer({ min: 1 }) })
      fc.assert(
        fc.property(
          at,
          lengths,
          fc.infiniteStream(fc.boolean()),
          (first, { asked, said }, turn) => {
            const rest = pieces(client(request.subarray(first)), asked)
            const both = mixed(rest, pieces(of.answer, said), () => turn.next().value as boolean)
            const talk = new Talk({ port, role }).say(...before)
            talk.say(client(request.subarray(0, first)), ...both)
            const rows = talk.say(...next).end()
            assert.deepEqual(told(rows), of.rows)
            assert.deepEqual(rows.filter(isMarked), [])
            if (!of.endsEarly) assert.equal(rows[0]?.request_bytes, request.length)
            assert.equal(rows[0]?.response_bytes, of.answer.bytes.length)
          },
        ),
        { numRuns: 200 },
      )
    })
  }

  test(`${name}: where a request's last bytes were missed the next answer is not its own`, () => {
    fc.assert(
      fc.property(at, fc.boolean(), (first, isKnown) => {
        let isMissing = false
        const talk = new Talk({ port, missing: () => isMissing }).say(...before)
        talk.say(client(request.subarray(0, first)))
        if (isKnown) talk.say(of.answer)
        isMissing = true
        talk.say(client(request.subarray(first, of.to)))
        isMissing = false
        if (of.to < request.length) talk.say(client(request.subarray(of.to)))
        if (!isKnown) talk.say(of.answer)
        const rows = talk.say(...next).end()
        assert.deepEqual(told(rows), of.rows)
        // HTTP/1 marks whose body has a gap: when it ended is not known.
        const unmarked = name === 'http' ? rows.slice(1) : rows
        assert.deepEqual(unmarked.filter(isMarked), [])
      }),
      { numRuns: 100 },
    )
  })

  test(`${name}: all of a request's end and of the next one was missed: nothing is wrong`, () => {
    fc.assert(
      fc.property(at, (first) => {
        const talk = new Talk({ port }).say(...before)
        talk.say(client(request.subarray(0, first)), of.answer)
        talk.skip('client', request.length - first + next[0].bytes.length)
        const rows = talk.say(next[1], ...next).end()
        const expected = of.rows.map((row) => JSON.stringify(row))
        const unmarked = told(rows.filter((row) => !isMarked(row)))
        for (const row of unmarked) assert.ok(expected.includes(JSON.stringify(row)), `${row}`)
      }),
      { numRuns: 100 },
    )
  })
}

test('who gives up when refused leaves a row with the error, if what was asked is known', () => {
  for (const { name, port, before = [], from, rows, ...of } of CASES) {
    // Of Redis nothing is told before a command is whole.
    if (name === 'redis') continue
    const talk = new Talk({ port }).say(...before)
    talk.say(client(Buffer.from(of.request).subarray(0, from + 1)), of.answer)
    const closed = talk.close('rst_sent')
    assert.deepEqual(told(closed), [rows[0]], name)
    assert.deepEqual(closed.filter(isMarked), [], name)
  }
})

test('mysql: a command of several packets is refused after any of them', () => {
  const head = (sequence: number, length: number) =>
    Buffer.from([length & 0xff, (length >> 8) & 0xff, length >> 16, sequence])
  const text = `\x03INSERT INTO t VALUES ('${BODY}`
  for (const refusedBy of [1, 2, 3]) {
    const talk = new Talk({ port: 3306 }).say(...start())
    talk.say(client(head(0, 0xffffff)), client(text))
    const refuse = (packets: number) => {
      if (packets === refusedBy) talk.say(answer([error(1153)], packets))
    }
    refuse(1)
    talk.skip('client', 0xffffff - text.length).say(client(head(1, 0xffffff)))
    refuse(2)
    talk.skip('client', 0xffffff).say(client(head(2, 10)))
    refuse(3)
    const rows = talk.skip('client', 10).say(client(packet(0, 3, 'DELETE FROM u')), answer([ok()]))
    assert.deepEqual(
      told(rows.end()),
      [
        ['INSERT', 't', undefined, '1153'],
        ['DELETE', 'u', undefined, undefined],
      ],
      `refused after packet ${refusedBy}`,
    )
    assert.deepEqual(rows.rows().filter(isMarked), [])
  }
})
