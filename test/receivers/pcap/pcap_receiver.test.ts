import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OK, retryable } from '../../../pipeline/outcome.ts'
import { schema } from '../../../receivers/pcap/config.ts'
import { PcapReceiver } from '../../../receivers/pcap/pcap_receiver.ts'
import {
  changeCipherSpec,
  clientHello,
  encrypted,
  handshake,
  serverHello,
} from '../../pipeline/requests/tls/wire.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { answer, Capture, Conversation, get } from './conversation.ts'
import { pcap, pcapng, type Timed } from './packets.ts'
import { type Row, readCapture } from './read.ts'

const CLIENT = { options: { ends: 'client' } }

test('a handshake of TLS in many segments shows the same at both ends', async (t) => {
  const hello = handshake(clientHello({ serverName: 'shop.example', keyBytes: 1700 }))
  const talk = new Conversation({ serverPort: 443 })
    .open()
    .say('client', hello.subarray(0, 1400), 1000)
    .say('client', hello.subarray(1400), 10)
    .say('server', handshake(serverHello()), 1000)
    .say('client', Buffer.concat([changeCipherSpec, encrypted(53)]), 500)
    .say('server', encrypted(1200))
    .close()
  const { exchanges, connections } = await readCapture(t, pcap(talk.packets))
  assert.equal(exchanges.length, 0)
  const closed = connections.filter(({ state }) => state === 'closed')
  assert.deepEqual(
    closed.map((row) => [row.tls_server_name, row.tls_version, row.tls_handshake_us]),
    [
      ['shop.example', '1.3', 1510],
      ['shop.example', '1.3', 1510],
    ],
  )
})

test('a request and its response are an exchange at each end, with the times of the wire', async (t) => {
  const talk = new Conversation()
    .open(50)
    .say('client', get('/a?k=v'))
    .say('server', answer('hello'), 3000)
    .close()
  const { exchanges, connections } = await readCapture(t, pcap(talk.packets))
  assert.deepEqual(
    exchanges.map((row) => [row.role, row.method, row.target, row.status, row.duration_us]),
    [
      ['server', 'GET', '/a?k=REDACTED', 200, 3000],
      ['client', 'GET', '/a?k=REDACTED', 200, 3000],
    ],
  )
  assert.deepEqual(
    connections.map((row) => [row.role, row.state, row.close_reason, row.connect_us]),
    [
      ['client', 'open', undefined, 100],
      ['server', 'open', undefined, 100],
      ['client', 'closed', 'fin', 100],
      ['server', 'closed', 'fin', 100],
    ],
  )
  const [, , closed] = connections as [Row, Row, Row]
  assert.equal(closed.bytes_sent, get('/a?k=v').length)
  assert.equal(closed.bytes_received, answer('hello').length)
  assert.equal(closed.isn_client, 1000)
  // mix64(1000 << 32 | 5000), as bpf/flow_id.h computes it.
  assert.equal(closed.flow_id, exchanges[0]?.flow_id)
  assert.match(String(closed.start), /^2023-11-14T22:13:20\.0000/)
})

test('a host calls in the name of the only request it has open, and of none if there are two', async (t) => {
  const capture = new Capture()
  const first = new Conversation({ clientPort: 1111 }, capture).open()
  const second = new Conversation({ clientPort: 2222, clientIsn: 7 }, capture).open()
  const call = new Conversation({ client: '10.0.0.2', server: '10.0.0.3' }, capture).open()
  first.say('client', get('/alone'))
  call.say('client', get('/called')).say('server', answer('x'))
  first.say('server', answer('y'))
  first.say('client', get('/one'))
  second.say('client', get('/two'))
  call.say('client', get('/whose')).say('server', answer('x'))
  const { exchanges } = await readCapture(t, pcap(capture.packets))
  const caused = (target: string) =>
    exchanges.find((row) => row.target === target && row.role === 'client')
  assert.deepEqual(
    [caused('/called')?.cause_method, caused('/called')?.cause_confidence],
    ['timing', 0.8],
  )
  assert.deepEqual(
    [caused('/whose')?.cause_method, caused('/whose')?.cause_confidence],
    ['timing', 0.5],
  )
})

test('one connection carries exchanges one after the other, pipelined, and cut into pieces', async (t) => {
  const both = get('/1') + get('/2')
  const talk = new Conversation()
    .open()
    .say('client', both.slice(0, 30))
    .say('client', both.slice(30))
  const answers = answer('one') + answer('two!', 404)
  for (const byte of answers) talk.say('server', byte, 1)
  const { exchanges } = await readCapture(t, pcap(talk.packets), CLIENT)
  assert.deepEqual(
    exchanges.map((row) => [row.target, row.status, row.response_bytes]),
    [
      ['/1', 200, answer('one').length],
      ['/2', 404, answer('two!').length],
    ],
  )
})

test('retransmissions count for who sent them, and a second sight of a packet does not', async (t) => {
  const talk = new Conversation().open().say('client', get('/a')).again()
  talk.packets.push({ ...(talk.packets.at(-1) as Timed) })
  talk.say('server', answer('x'))
  const { connections, exchanges, notes } = await readCapture(t, pcap(talk.packets))
  const last = connections.filter((row) => row.state === 'interim')
  assert.deepEqual(
    last.map((row) => [row.role, row.retransmits]),
    [
      ['client', 1],
      ['server', 0],
    ],
  )
  assert.equal(exchanges.length, 2)
  assert.equal(notes.segments_seen_twice, 1)
})

test('a refused connect, a reset and an unanswered SYN say how they ended', async (t) => {
  const capture = new Capture()
  new Conversation({ clientPort: 1 }, capture).open().reset('server')
  const refused = new Conversation({ clientPort: 2 }, capture)
  const opened = new Conversation({ clientPort: 2 }).open().packets[0] as Timed
  capture.packets.push({ ...opened, us: capture.clock.us })
  refused.reset('server')
  const { connections } = await readCapture(t, pcap(capture.packets))
  const closed = connections.filter((row) => row.state === 'closed')
  assert.deepEqual(
    closed.map((row) => [row.role, String(row.src), row.close_reason]).sort(),
    [
      ['client', '10.0.0.1:1', 'rst_received'],
      ['client', '10.0.0.1:2', 'refused'],
      ['server', '10.0.0.1:1', 'rst_sent'],
    ].sort(),
  )
})

test('a capture that began late and ended early gives what it has', async (t) => {
  const talk = new Conversation().open().say('client', get('/before')).say('server', answer('x'))
  talk.say('client', get('/seen')).say('server', answer('y')).say('client', get('/open'))
  const { exchanges, connections } = await readCapture(t, pcap(talk.packets.slice(4)), CLIENT)
  assert.deepEqual(
    exchanges.map((row) => [row.target, row.state, row.status, row.unfinished]),
    [
      ['/seen', 'closed', 200, undefined],
      ['/open', 'closed', undefined, 'capture_ended'],
    ],
  )
  assert.equal(exchanges[0]?.flow_id_local, true)
  assert.deepEqual(
    connections.map((row) => row.state),
    ['interim'],
  )
})

test('packets of which only the beginning was captured still count whole', async (t) => {
  const body = 'b'.repeat(2000)
  const talk = new Conversation()
    .open()
    .say('client', get('/big'))
    .say('server', answer(body))
    .close()
  const cut = talk.packets.map(({ bytes, us }) => ({
    bytes: bytes.subarray(0, 120),
    length: bytes.length,
    ...(us !== undefined && { us }),
  }))
  const { exchanges } = await readCapture(t, pcap(cut), CLIENT)
  assert.deepEqual(
    exchanges.map((row) => [row.status, row.response_bytes]),
    [[200, answer(body).length]],
  )
})

test('where packets say which end is on the capturing host, only its rows are given', async (t) => {
  const talk = new Conversation().open().say('client', get('/a')).say('server', answer('x')).close()
  // Client packets go out, the server's come in: the client is local.
  const isClients = (bytes: Uint8Array) => bytes[15] === 1
  const marked = talk.packets.map((packet) => ({
    ...packet,
    flags: isClients(packet.bytes) ? 2 : 1,
  }))
  const { exchanges } = await readCapture(t, pcapng(marked))
  assert.deepEqual(
    exchanges.map((row) => row.role),
    ['client'],
  )
})

test('a damaged capture gives the rows before the damage, and says so', async (t) => {
  const talk = new Conversation().open().say('client', get('/a')).say('server', answer('x')).close()
  const file = Buffer.concat([pcap(talk.packets), Buffer.alloc(16, 0xff)])
  const { exchanges, notes } = await readCapture(t, file)
  assert.equal(exchanges.length, 2)
  assert.equal(notes.capture_damaged, 1)
})

test('a file that is not there is an error of the start that names the option', async () => {
  const settings = settingsOf({ id: 'pcap/x' })
  const next = { mutates: false, consume: () => OK }
  const receiver = new PcapReceiver(settings, schema.parse({ path: '/nowhere' }), next)
  await assert.rejects(
    async () => receiver.start(hostOf()),
    /receivers::pcap\/x::path: cannot read/,
  )
  await receiver.shutdown()
  await receiver.shutdown()
})

test('reading waits for a pipeline that takes nothing for a while, and nothing is lost', async (t) => {
  const capture = new Capture()
  for (let i = 0; i < 50; i++) {
    const talk = new Conversation({ clientPort: 1000 + i }, capture).open()
    talk
      .say('client', get(`/${i}`))
      .say('server', answer('x'))
      .close()
  }
  let refusals = 3
  const options = { batch: { rows: 7 }, backlog_rows_max: 10, ends: 'client' }
  const answerOf = () => (refusals-- > 0 ? retryable('full', 5) : OK)
  const { exchanges, ledger } = await readCapture(t, pcap(capture.packets), {
    options,
    answer: answerOf,
  })
  assert.equal(exchanges.length, 50)
  assert.deepEqual(ledger.entry().lost, {})
})

test('any order of packets within a window, repeated or not, gives the same exchanges', async (t) => {
  const talk = new Conversation().open()
  for (let i = 0; i < 5; i++) {
    const request = get(`/${i}`)
    talk.say('client', request.slice(0, 9)).say('client', request.slice(9))
    const response = answer('r'.repeat(10 * i))
    talk.say('server', response.slice(0, 20)).say('server', response.slice(20))
    talk.ack('client')
  }
  talk.close()
  const plain = await readCapture(t, pcap(talk.packets), CLIENT)
  const view = (rows: Row[]) =>
    rows.map((row) => [row.target, row.status, row.request_bytes, row.response_bytes])
  assert.equal(plain.exchanges.length, 5)
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1000)), async (random) => {
      const draw = () => random.next().value as number
      const repeated = talk.packets.flatMap((packet) =>
        draw() % 5 === 0 ? [packet, packet] : [packet],
      )
      // Neighbours of one direction change places; the handshake stays first.
      for (let i = 4; i + 1 < repeated.length; i++) {
        const [a, b] = [repeated[i] as Timed, repeated[i + 1] as Timed]
        const sameSide = a.bytes[15] === b.bytes[15]
        if (sameSide && draw() % 3 === 0) [repeated[i], repeated[i + 1]] = [b, a]
      }
      const shuffled = await readCapture(t, pcap(repeated), CLIENT)
      assert.deepEqual(view(shuffled.exchanges), view(plain.exchanges))
    }),
    { numRuns: 40 },
  )
})

test('no changed byte makes it throw, and its books balance', async (t) => {
  const talk = new Conversation()
    .open()
    .say('client', get('/a'))
    .say('server', answer('xyz'))
    .close()
  const file = pcap(talk.packets)
  const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
      const changed = Buffer.from(file)
      for (const [at, byte] of changes) changed[at] = byte
      await readCapture(t, changed)
    }),
    { numRuns: 200 },
  )
})
