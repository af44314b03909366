/**
 * Whose an answer is after bytes were missing, or where another process has followed the connection
 * before: what is not certain is nobody's.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { client, type Row, type Said, server, Talk, type TalkOptions } from './talk.ts'

/** Requests with numbers, whose answers fail with them. */
interface Numbering {
  readonly name: string
  readonly port: number
  readonly hello: readonly Said[]
  ask(id: number): Said
  answer(id: number): Said
  /** As the row has them. */
  idOf(row: Row): number
  errorOf(id: number): string
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(type.length + 4)
  head.write(type)
  head.writeInt32BE(body.length + 4, type.length)
  return Buffer.concat([head, body])
}

function packet(sequence: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUIntLE(body.length, 0, 3)
  head[3] = sequence
  return Buffer.concat([head, body])
}

function tableOf({ target }: Row): number {
  return Number(String(target).slice(1))
}

const redis: Numbering = {
  name: 'redis',
  port: 6379,
  hello: [],
  ask: (id) => client(`*2\r\n$3\r\nGET\r\n$${`n:${id}`.length}\r\nn:${id}\r\n`),
  answer: (id) => server(`-E${id} no\r\n`),
  idOf: ({ target }) => Number(String(target).slice(2)),
  errorOf: (id) => `E${id}`,
}

const ready = message('Z', Buffer.from('I'))
const startup = Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from('user\0shop\0\0')])

const postgresql: Numbering = {
  name: 'postgresql',
  port: 5432,
  hello: [
    client(message('', startup)),
    server(Buffer.concat([message('R', Buffer.alloc(4)), ready])),
  ],
  ask: (id) => client(message('Q', Buffer.from(`SELECT * FROM n${id}\0`))),
  answer: (id) => server(Buffer.concat([message('E', Buffer.from(`C0${id}\0\0`)), ready])),
  idOf: tableOf,
  errorOf: (id) => `0${id}`,
}

const FLAGS = 0x0200_8201
const greeting = Buffer.concat([Buffer.from('\x0a8\0'), Buffer.alloc(41)])
greeting.writeUInt16LE(FLAGS & 0xffff, 16)
greeting.writeUInt16LE(FLAGS >>> 16, 21)
const login = Buffer.alloc(40)
login.writeUInt32LE(FLAGS, 0)
const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0])

const mysql: Numbering = {
  name: 'mysql',
  port: 3306,
  hello: [server(packet(0, greeting)), client(packet(1, login)), server(packet(2, ok))],
  ask: (id) => client(packet(0, Buffer.from(`\x03SELECT * FROM n${id}`))),
  answer: (id) =>
    server(packet(1, Buffer.from([0xff, id & 0xff, id >> 8, ...Buffer.from('#42S02no')]))),
  idOf: tableOf,
  errorOf: (id) => `${id}`,
}

const ERRORS = ['ERROR', 'CLIENT_ERROR', 'SERVER_ERROR'] as const

const memcached: Numbering = {
  name: 'memcached',
  port: 11_211,
  hello: [],
  ask: (id) => client(`get n:${id}\r\n`),
  answer: (id) => server(`${ERRORS[id % 3]} no\r\n`),
  idOf: ({ target }) => Number(String(target).slice(2)),
  errorOf: (id) => ERRORS[id % 3] as string,
}

const FIRST = 1000

/** More is asked while some is answered and some is not. */
function interleaved({ ask, answer }: Numbering): Said[] {
  return [ask(1), ask(2), answer(1), ask(3), answer(2), answer(3)]
}

/** A client that has up to `window` requests under way at any time. */
function converse(numbering: Numbering, of: { window: number; asks: readonly boolean[] }): Said[] {
  const said: Said[] = []
  let [asked, answered] = [FIRST, FIRST]
  for (const wants of of.asks) {
    const mayAsk = asked - answered < of.window
    if (asked === answered || (wants && mayAsk)) said.push(numbering.ask(asked++))
    else said.push(numbering.answer(answered++))
  }
  while (answered < asked) said.push(numbering.answer(answered++))
  return said
}

function isMarked({ desynchronised, truncated }: Row): boolean {
  return desynchronised === true || truncated === true
}

/** An error is that of the request, or none is said and the row is marked. */
function assertTrue(rows: readonly Row[], { idOf, errorOf }: Numbering): void {
  for (const row of rows.filter(({ target }) => target !== undefined)) {
    const text = JSON.stringify(row)
    const error = errorOf(idOf(row))
    assert.ok(row.error === error || (row.error === undefined && isMarked(row)), text)
  }
}

function talkOf({ port }: Numbering, options: TalkOptions = {}): Talk {
  return new Talk({ port, query: 'keep', ...options })
}

for (const numbering of [redis, memcached, postgresql, mysql]) {
  const { name, hello, ask, answer } = numbering
  const known = () => talkOf(numbering).say(...hello, ask(FIRST), answer(FIRST))

  suite(name, () => {
    test('who asks one after the other is read on by another process', () => {
      const { remembered } = known()
      assert.equal(remembered?.pipelines, false)
      const talk = talkOf(numbering, {
        before: 5000,
        remembered: remembered as NonNullable<typeof remembered>,
      })
      // Of what was asked before.
      talk.say(answer(FIRST))
      for (let id = FIRST + 1; id < FIRST + 4; id++) talk.say(ask(id), answer(id))
      const rows = talk.end()
      assertTrue(rows, numbering)
      assert.deepEqual(
        rows.map((row) => [numbering.idOf(row), row.error, isMarked(row)]),
        [1, 2, 3].map((i) => [FIRST + i, numbering.errorOf(FIRST + i), i === 1]),
      )
    })

    test('who pipelines has rows without answers, until beyond doubt nothing is open', () => {
      const { remembered } = known().say(...interleaved(numbering))
      assert.equal(remembered?.pipelines, true)
      const talk = talkOf(numbering, {
        before: 5000,
        remembered: remembered as NonNullable<typeof remembered>,
      })
      // 1001 was asked before, and is answered when 1002 is asked already.
      talk.say(ask(FIRST + 2), answer(FIRST + 1), answer(FIRST + 2)).wait(1500)
      talk.say(ask(FIRST + 3), ask(FIRST + 4), answer(FIRST + 3), answer(FIRST + 4))
      const rows = talk.end()
      assertTrue(rows, numbering)
      const isQuick = ['redis', 'memcached'].includes(name)
      assert.deepEqual(
        rows.map((row) => row.error !== undefined),
        [false, isQuick, isQuick],
      )
    })

    test('who is seen to pipeline after a gap has no answers any more', () => {
      const { remembered } = known()
      const talk = talkOf(numbering, {
        before: 5000,
        remembered: remembered as NonNullable<typeof remembered>,
      })
      talk.say(ask(FIRST + 1), ask(FIRST + 2), answer(FIRST + 1), ask(FIRST + 3))
      talk.say(answer(FIRST + 2), answer(FIRST + 3))
      const rows = talk.say(ask(FIRST + 4), answer(FIRST + 4)).end()
      assertTrue(rows, numbering)
      assert.deepEqual(
        rows.map((row) => row.error !== undefined || !isMarked(row)),
        [true, false, false, false],
      )
    })

    for (const window of [1, 3]) {
      test(`pieces that are missing make no answer another's (${window} under way)`, () => {
        const asks = fc.array(fc.boolean(), { minLength: 10, maxLength: 60 })
        const chance = fc.infiniteStream(fc.nat(9))
        fc.assert(
          fc.property(asks, chance, (order, chances) => {
            let isLossy = false
            const missing = () => isLossy && chances.next().value === 0
            const talk = talkOf(numbering, { missing }).say(...hello)
            // What it does is known before anything is lost.
            if (window > 1) talk.say(...interleaved(numbering))
            isLossy = true
            talk.say(...converse(numbering, { window, asks: order }))
            assertTrue(
              talk.end().filter((row) => numbering.idOf(row) >= FIRST),
              numbering,
            )
          }),
          { numRuns: 300 },
        )
      })
    }
  })
}

test('what is remembered wrongly, of bytes that are no answer, neither throws nor grows memory', () => {
  const names = ['http2', 'mysql', 'postgresql', 'redis', 'memcached', 'kafka', 'nothing']
  const word = fc.integer({ min: 0, max: 0xffff_ffff })
  const before = fc.record({
    protocol: fc.constantFrom(...names),
    pipelines: fc.boolean(),
    words: fc.tuple(word, word),
    name: fc.string({ maxLength: 40 }),
  })
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 })
  const real = fc.constantFrom(
    ...[redis, memcached, postgresql, mysql].flatMap((one) => [one.ask(FIRST), one.answer(FIRST)]),
  )
  const hostile = fc.tuple(fc.boolean(), bytes).map(([isClient, said]): Said => {
    return { by: isClient ? 'client' : 'server', bytes: said }
  })
  fc.assert(
    fc.property(
      before,
      fc.array(fc.oneof(real, hostile), { maxLength: 12 }),
      (remembered, said) => {
        const talk = new Talk({ remembered, before: 5000 }).say(...said)
        assert.ok(talk.memory().headBytes <= 1 << 20)
        talk.end()
        assert.deepEqual([talk.memory().headBytes, talk.memory().openExchanges], [0, 0])
      },
    ),
    { numRuns: 500 },
  )
})
