/** Of TLS the kernel hands over both hellos and what ends the handshake, and then nothing. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DIRECTION } from '../../pipeline/kernel_events/events.gen.ts'
import {
  changeCipherSpec,
  clientHello,
  encrypted,
  handshake,
  message,
  serverHello,
} from '../pipeline/requests/tls/wire.ts'
import { CONFIG, Kernel, type Piece, SKIP, sockets } from './kernel.ts'
import { piecesOf } from './pieces.ts'

const { DIRECTION_RECEIVED, DIRECTION_SENT } = DIRECTION
const SMALL = 1024

const HELLO = handshake(clientHello({ serverName: 'shop.example', keyBytes: 1700 }))
const SERVER_HELLO = handshake(serverHello())
const FLIGHT = Buffer.concat([SERVER_HELLO, changeCipherSpec, encrypted(3000)])
const FINISHED = Buffer.concat([changeCipherSpec, encrypted(53)])
const DATA = Array.from({ length: 20 }, (_, i) => encrypted(i === 19 ? 5000 : 40))

interface Talk {
  readonly up: readonly Uint8Array[]
  readonly down: readonly Uint8Array[]
}

/** What the pieces of a direction bring: offset and bytes. */
type Brought = readonly (readonly [offset: number, bytes: string])[]

function hex(messages: readonly Uint8Array[]): string {
  return messages.map((bytes) => Buffer.from(bytes).toString('hex')).join(',')
}

suite('TLS', { skip: SKIP }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open({
      captureSmallBytes: SMALL,
      captureMaxBytes: CONFIG.captureMaxBytes,
    })
  })
  after(() => kernel.close())

  /** What comes of a conversation, whichever end is looked at. */
  async function brought(talk: Talk): Promise<{ up: Brought; down: Brought }> {
    const options = { up: hex(talk.up), down: hex(talk.down) }
    const { client, server } = await piecesOf(kernel, await sockets('messages', { options }))
    const of = (pieces: readonly Piece[], direction: number) =>
      pieces
        .filter((piece) => piece.direction === direction)
        .map(({ offset, bytes }) => [offset, bytes.toString('hex')] as const)
    const seen = { up: of(client, DIRECTION_SENT), down: of(client, DIRECTION_RECEIVED) }
    assert.deepEqual(
      { up: of(server, DIRECTION_RECEIVED), down: of(server, DIRECTION_SENT) },
      seen,
      'both ends bring the same',
    )
    return seen
  }

  test('TLS 1.3: both hellos whole, 8 bytes of the answer, and nothing behind it', async () => {
    const { up, down } = await brought({
      up: [HELLO, FINISHED, ...DATA],
      down: [FLIGHT, ...DATA, encrypted(9)],
    })
    assert.deepEqual(up, [
      [0, HELLO.toString('hex')],
      [HELLO.length, FINISHED.toString('hex', 0, 8)],
    ])
    assert.deepEqual(down, [[0, SERVER_HELLO.toString('hex')]])
  })

  test('TLS 1.2: also 8 bytes of the server’s last flight', async () => {
    const hello = serverHello({ version: 0x0303, cipher: 0xc02f })
    const certificates = message(11, [Buffer.alloc(3000, 5)])
    const first = handshake(Buffer.concat([hello, certificates]))
    const answer = Buffer.concat([handshake(message(16, [Buffer.alloc(66)])), FINISHED])
    const { up, down } = await brought({
      up: [HELLO, answer, ...DATA],
      down: [first, FINISHED, ...DATA],
    })
    assert.deepEqual(up.slice(1), [[HELLO.length, answer.toString('hex', 0, 8)]])
    const [[, bytes] = [], end, ...more] = down as [readonly [number, string], ...Brought]
    // Its length is known to 255 bytes.
    assert.ok((bytes?.length ?? 0) / 2 - 5 - hello.length < 256)
    assert.ok(first.toString('hex').startsWith(bytes as string))
    assert.ok((bytes?.length ?? 0) / 2 >= 5 + hello.length)
    assert.deepEqual(end, [first.length, FINISHED.toString('hex', 0, 8)])
    assert.deepEqual(more, [])
  })

  test('hellos whose bytes come one by one, and the record of one by itself', async () => {
    const apart = (bytes: Buffer, at: readonly number[]) =>
      [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length))
    const silence = (count: number) => Array<Buffer>(count).fill(Buffer.alloc(0))
    const up = apart(HELLO, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    const down = apart(SERVER_HELLO, [5])
    const seen = await brought({
      up: [...up, ...silence(down.length), FINISHED, ...DATA],
      down: [...silence(up.length), ...down, ...DATA],
    })
    assert.equal(joined(seen.up), HELLO.toString('hex') + FINISHED.toString('hex', 0, 8))
    assert.equal(joined(seen.down), SERVER_HELLO.toString('hex'))
  })

  test('a hello in several records comes whole', async () => {
    const cut = handshake(clientHello({ serverName: 'shop.example', keyBytes: 1700 }), 500)
    const { up } = await brought({ up: [cut, FINISHED, ...DATA], down: [FLIGHT, ...DATA] })
    assert.ok(joined(up).startsWith(cut.toString('hex')))
    assert.ok(joined(up).length / 2 < cut.length + 400)
  })

  test('data before the server’s hello is not handed over', async () => {
    const early = [changeCipherSpec, ...DATA]
    const { up } = await brought({
      up: [HELLO, ...early, FINISHED, ...DATA],
      down: [...Array<Buffer>(early.length + 1).fill(Buffer.alloc(0)), FLIGHT, ...DATA],
    })
    assert.equal(up.length, 2)
    assert.equal(up[1]?.[1], DATA[0]?.toString('hex', 0, 8))
  })

  test('a server that refuses the hello: its alert, and nothing of what follows', async () => {
    const alert = Buffer.from('15030300020228', 'hex')
    const { up, down } = await brought({ up: [HELLO, ...DATA], down: [alert, ...DATA] })
    assert.ok(joined(down).startsWith(alert.toString('hex')))
    assert.ok(up.length + down.length <= 4)
  })

  for (const [what, request, answer] of [
    ['PostgreSQL', Buffer.from('0000000804d2162f', 'hex'), Buffer.from('S')],
    ['MySQL', Buffer.concat([Buffer.of(32, 0, 0, 1), Buffer.alloc(32, 8)]), Buffer.alloc(0)],
  ] as const) {
    test(`a long hello behind ${what}'s request for TLS comes whole`, async () => {
      const greeting = Buffer.from('\x4a\0\0\0\x0a8.0.36\0', 'latin1')
      const isMysql = what === 'MySQL'
      const { up } = await brought({
        up: [...(isMysql ? [Buffer.alloc(0)] : []), request, HELLO],
        down: [...(isMysql ? [greeting] : []), answer, FLIGHT],
      })
      assert.equal(joined(up), Buffer.concat([request, HELLO]).toString('hex'))
    })
  }

  test('a long hello behind CONNECT comes whole', async () => {
    const request = Buffer.from('CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example\r\n\r\n')
    const response = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n')
    const { up } = await brought({ up: [request, HELLO], down: [response, FLIGHT] })
    assert.equal(joined(up), Buffer.concat([request, HELLO]).toString('hex'))
  })
})

function joined(pieces: Brought): string {
  return pieces.map(([, bytes]) => bytes).join('')
}
