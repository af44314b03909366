/** What the hellos of a connection show, however their bytes come. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { client, type Said, server, Talk, type TalkOptions } from '../talk.ts'
import {
  alert,
  type ClientHelloFields,
  changeCipherSpec,
  clientHello,
  encrypted,
  handshake,
  message,
  type ServerHelloFields,
  serverHello,
} from './wire.ts'

const FINISHED = Buffer.concat([changeCipherSpec, encrypted(53)])
const TLS_1_2 = { version: 0x0303, cipher: 0xc02f, sessionId: Buffer.alloc(0) }
const CERTIFICATES = message(11, [Buffer.alloc(3000, 5)])
const KEY_EXCHANGE = handshake(message(16, [Buffer.alloc(66)]))

/** A handshake of TLS 1.3, and a request and its response behind it. */
function tls13(asks: ClientHelloFields, answers: ServerHelloFields = {}): Said[] {
  return [
    client(handshake(clientHello(asks))),
    server(Buffer.concat([handshake(serverHello(answers)), changeCipherSpec, encrypted(3000)])),
    client(FINISHED),
    client(encrypted(400)),
    server(encrypted(900)),
  ]
}

function tls12(asks: ClientHelloFields, answers: ServerHelloFields = {}): Said[] {
  const first = Buffer.concat([serverHello({ ...TLS_1_2, ...answers }), CERTIFICATES])
  return [
    client(handshake(clientHello(asks))),
    server(handshake(first)),
    client(Buffer.concat([KEY_EXCHANGE, changeCipherSpec, handshake(Buffer.alloc(40, 0xee))])),
    server(Buffer.concat([changeCipherSpec, handshake(Buffer.alloc(40, 0xee))])),
    client(encrypted(400)),
    server(encrypted(900)),
  ]
}

function shown(said: readonly Said[], options: TalkOptions = {}) {
  const talk = new Talk({ port: 443, ...options }).say(...said)
  assert.deepEqual(talk.end(), [], 'there are no exchanges')
  assert.equal(talk.memory().headBytes, 0)
  return talk.tls
}

const ASKED = { serverName: 'shop.example.com', protocols: ['h2', 'http/1.1'] }

test('TLS 1.3: the name that is asked for, version, cipher suite, and when it was over', () => {
  assert.deepEqual(
    { ...shown(tls13(ASKED)) },
    {
      serverName: 'shop.example.com',
      version: '1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
      alpn: '',
      handshakeUs: 2000,
      resumed: false,
      ech: false,
    },
  )
})

test('TLS 1.2: also the protocol that the server chose; over with the server’s last flight', () => {
  assert.deepEqual(
    { ...shown(tls12(ASKED, { protocol: 'h2' })) },
    {
      serverName: 'shop.example.com',
      version: '1.2',
      cipher: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      alpn: 'h2',
      handshakeUs: 3000,
      resumed: false,
      ech: false,
    },
  )
})

test('of TLS 1.3 the only protocol that is offered is the one agreed on, of two none', () => {
  assert.equal(shown(tls13({ protocols: ['h2'] }))?.alpn, 'h2')
  assert.equal(shown(tls13({ protocols: ['\x0a\x0a', 'h2'] }))?.alpn, 'h2')
  assert.equal(shown(tls13({ protocols: ['h2', 'http/1.1'] }))?.alpn, '')
  assert.equal(shown(tls12({ protocols: ['h2'] }))?.alpn, '', 'a server of TLS 1.2 would say')
})

for (const [what, name, expected] of [
  ['in capitals and with a dot at the end', 'Shop.Example.COM.', 'shop.example.com'],
  ['with an underscore', '_api.shop', '_api.shop'],
  ['of one label', 'localhost', 'localhost'],
  ['with a line break', 'shop\nexample', ''],
  ['of bytes that are no text', Buffer.of(0xff, 0xfe, 0x80), ''],
  ['with an empty label', 'shop..example', ''],
  ['without a character', '', ''],
  ['of 254 characters', `${'a.'.repeat(126)}aa`, ''],
  ['of 253 characters', `${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
  ['of a label of 64 characters', 'a'.repeat(64), ''],
] as const) {
  test(`a server name ${what} is ${expected === '' ? 'not taken' : 'taken'}`, () => {
    assert.equal(shown(tls13({ serverName: name }))?.serverName, expected)
  })
}

test('sessions that are taken up again: by TLS 1.2’s session id, by TLS 1.3’s key', () => {
  const sessionId = Buffer.alloc(32, 7)
  assert.equal(shown(tls12({}, { sessionId }))?.resumed, true)
  assert.equal(shown(tls12({}, { sessionId: Buffer.alloc(32, 8) }))?.resumed, false)
  assert.equal(shown(tls12({ sessionId: Buffer.alloc(0) }))?.resumed, false)
  assert.equal(shown(tls13({}, { preShared: true }))?.resumed, true)
  assert.equal(shown(tls13({}, { sessionId }))?.resumed, false, 'TLS 1.3 echoes every id')
})

test('a session of TLS 1.2 that is taken up again is over with the client’s answer', () => {
  const sessionId = Buffer.alloc(32, 7)
  const hello = handshake(serverHello({ ...TLS_1_2, sessionId }))
  const finished = Buffer.concat([changeCipherSpec, handshake(Buffer.alloc(40, 0xee))])
  const tls = shown([
    client(handshake(clientHello(ASKED))),
    server(Buffer.concat([hello, finished])),
    client(finished),
    server(encrypted(100)),
  ])
  assert.deepEqual([tls?.resumed, tls?.handshakeUs], [true, 2000])
})

test('a server that asks for another hello: version and cipher suite, but no time', () => {
  const tls = shown([
    client(handshake(clientHello(ASKED))),
    server(handshake(serverHello({ retry: true, cipher: 0x1302 }))),
    client(Buffer.concat([changeCipherSpec, handshake(clientHello(ASKED))])),
    server(handshake(serverHello({ cipher: 0x1302 }))),
    client(FINISHED),
  ])
  assert.deepEqual([tls?.version, tls?.cipher], ['1.3', 'TLS_AES_256_GCM_SHA384'])
  assert.deepEqual(tls?.handshakeUs, Number.NaN)
})

test('data before the server’s hello tells no end of the handshake', () => {
  const [hello, answer, ...rest] = tls13(ASKED) as [Said, Said, ...Said[]]
  const early = client(Buffer.concat([changeCipherSpec, encrypted(300)]))
  assert.deepEqual(shown([hello, early, answer, ...rest])?.handshakeUs, Number.NaN)
})

test('a client that refuses what the server says has no end of its handshake', () => {
  for (const refusal of [alert, Buffer.concat([changeCipherSpec, encrypted(19)]), encrypted(19)]) {
    const [hello, answer] = tls13(ASKED) as [Said, Said]
    const tls = shown([hello, answer, client(refusal)])
    assert.deepEqual([tls?.version, tls?.handshakeUs], ['1.3', Number.NaN])
  }
})

test('a server that refuses the hello leaves the name that was asked for', () => {
  const tls = shown([client(handshake(clientHello(ASKED))), server(alert)])
  assert.deepEqual([tls?.serverName, tls?.version, tls?.cipher], ['shop.example.com', '', ''])
})

test('an outer hello is marked', () => {
  assert.equal(shown(tls13({ ...ASKED, ech: true }))?.ech, true)
})

test('an unknown cipher suite has its number, an unknown version none', () => {
  assert.equal(shown(tls12({}, { cipher: 0x00c6 }))?.cipher, '0x00c6')
  assert.equal(shown(tls12({}, { version: 0x0301 }))?.version, '1.0')
})

const CONVERSATIONS = [
  tls13(ASKED),
  tls12(ASKED, { protocol: 'http/1.1' }),
  tls13({ ...ASKED, keyBytes: 1700 }),
  tls13({}, { preShared: true }),
]

test('any cut into pieces and records shows the same', () => {
  const length = fc.integer({ min: 1, max: 60 })
  const record = fc.integer({ min: 8, max: 700 })
  fc.assert(
    fc.property(
      fc.constantFrom(...CONVERSATIONS),
      fc.infiniteStream(length),
      record,
      fc.constantFrom('client', 'server'),
      (said, lengths, bytes, role) => {
        const whole = { ...shown(said), handshakeUs: 0 }
        const cuts = () => lengths.next().value as number
        const cut = said.map((one, i) => {
          // What stands in the first record is cut again: both hellos, each the first message.
          const first = 5 + Buffer.from(one.bytes).readUInt16BE(3)
          if (i > 1) return one
          const hello = Buffer.from(one.bytes.subarray(5, first))
          return {
            ...one,
            bytes: Buffer.concat([handshake(hello, bytes), one.bytes.subarray(first)]),
          }
        })
        assert.deepEqual({ ...shown(cut, { cuts, role }), handshakeUs: 0 }, whole)
      },
    ),
    { numRuns: 300 },
  )
})

test('of hellos that are known in part nothing is told wrong', () => {
  fc.assert(
    fc.property(fc.constantFrom(...CONVERSATIONS), fc.nat(600), (said, known) => {
      const whole = shown(said)
      const part = shown(said, { captured: (all) => Math.min(all, known) })
      for (const [name, value] of Object.entries(part ?? {})) {
        const isNone = value === '' || value === false || Number.isNaN(value)
        if (!isNone) assert.deepEqual(value, whole?.[name as keyof typeof whole], name)
      }
    }),
    { numRuns: 300 },
  )
})

test('hostile bytes neither throw nor loop nor grow memory', () => {
  const change = fc.tuple(fc.nat(), fc.nat(255))
  fc.assert(
    fc.property(
      fc.constantFrom(...CONVERSATIONS),
      fc.array(change, { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 500 })),
      (said, changes, lengths) => {
        const changed = said.map(({ by, bytes }) => ({ by, bytes: Uint8Array.from(bytes) }))
        for (const [at, byte] of changes) {
          const part = changed[at % 2] as { bytes: Uint8Array }
          part.bytes[5 + (at % (part.bytes.length - 5))] = byte
        }
        const talk = new Talk({ port: 443, cuts: () => lengths.next().value as number })
        talk.say(...changed)
        assert.ok(talk.memory().headBytes <= 64 << 10)
        talk.end()
        assert.equal(talk.memory().headBytes, 0)
        assert.match(talk.tls?.serverName ?? '', /^[a-z0-9_.-]{0,253}$/)
        assert.match(talk.tls?.alpn ?? '', /^[\x21-\x7e]{0,32}$/)
      },
    ),
    { numRuns: 1000 },
  )
})

const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex')

test('PostgreSQL that turns to TLS: the hellos behind it', () => {
  const said = [client(SSL_REQUEST), server('S'), ...tls13(ASKED)]
  assert.equal(shown(said, { port: 5432 })?.serverName, 'shop.example.com')
  assert.equal(shown(said, { port: 5432 })?.handshakeUs, 2000)
  assert.equal(shown([client(SSL_REQUEST), server('N')], { port: 5432 }), undefined)
})

test('MySQL that turns to TLS: the hellos behind it, in the same piece too', () => {
  const caps = 0x0800 | 0x0200 | 0x8000
  const greeting = Buffer.concat([
    Buffer.from('\x0a8.0.36\0', 'latin1'),
    Buffer.alloc(12, 1),
    Buffer.of(0),
    Buffer.of(caps & 0xff, caps >> 8, 8, 2, 0, 0, 0, 21),
    Buffer.alloc(10),
    Buffer.alloc(13, 1),
  ])
  const packet = (sequence: number, body: Buffer) =>
    Buffer.concat([Buffer.of(body.length, 0, 0, sequence), body])
  const request = Buffer.concat([
    Buffer.of(caps & 0xff, caps >> 8, 0, 0, 0, 0, 0, 1, 8),
    Buffer.alloc(23),
  ])
  const [hello, ...rest] = tls12(ASKED) as [Said, ...Said[]]
  const begin = server(packet(0, greeting))
  const apart = [begin, client(packet(1, request)), hello, ...rest]
  const together = [begin, client(Buffer.concat([packet(1, request), hello.bytes])), ...rest]
  for (const said of [apart, together]) {
    const tls = shown(said, { port: 3306 })
    assert.deepEqual([tls?.serverName, tls?.version], ['shop.example.com', '1.2'])
  }
})
