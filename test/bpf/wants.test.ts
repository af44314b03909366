/** The kernel programs heed what a reader wants of a connection, and only of that one. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { CONN_ROLE, DIRECTION, WANT_LIMIT } from '../../pipeline/kernel_events/events.gen.ts'
import type { Wanting } from '../../receivers/ebpf/wants.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { Kernel, type Piece, SKIP, sockets } from './kernel.ts'
import { hex, piecesOf, text } from './pieces.ts'

const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
const PING = '*1\r\n$4\r\nPING\r\n'
const GET = 'GET / HTTP/1.1\r\n\r\n'
const SMALL = 64
const MAX = 300
/** So much of the end of a long piece is one of its own. */
const END = SMALL / 2
const NOTHING: Wanting = { wantedFrom: () => Number.POSITIVE_INFINITY, wantedBytes: () => 0 }
/** Bytes that can be told apart. */
const letters = (count: number) =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(97 + (i % 26))).join('')

suite('wants', { skip: SKIP }, () => {
  let kernel: Kernel
  let directory: string
  before(async () => {
    kernel = await Kernel.open({ captureSmallBytes: SMALL, captureMaxBytes: MAX })
    directory = temporaryDirectory('wants')
  })
  after(() => {
    kernel.close()
    removeDirectory(directory)
  })

  /** What the client sends after its first message, as the server reads it, told of `wanting`. */
  async function received(
    [first, ...rest]: readonly [string, ...string[]],
    { wanting, idOf = (id) => id }: { wanting: Wanting; idOf?: (id: number) => number },
  ) {
    const go = join(directory, 'go')
    const options = {
      ...{ up: hex([first, ...rest]), down: hex(['ok', ...rest.map(() => '')]) },
      ...{ pause: 1, go },
    }
    const seen = kernel.pieces.length
    const made = sockets('messages', { options })
    const id = await waitFor('the first message', () => {
      kernel.drain()
      const isFirst = (piece: Piece) => piece.role === ROLE_SERVER && text(piece) === 'ok'
      return kernel.pieces.slice(seen).find(isFirst)?.conn_id
    })
    kernel.wants.tell(idOf(Number(id >> 48n) * 2 ** 40 + Number(id & 0xff_ffff_ffffn)), wanting)
    writeFileSync(go, '')
    const { client, server } = await piecesOf(kernel, await made)
    rmSync(go)
    const others = client.filter((piece) => piece.direction === DIRECTION.DIRECTION_SENT)
    assert.equal(others.at(-1)?.role, ROLE_CLIENT)
    const sum = others.reduce((total, { len }) => total + len, 0)
    assert.equal(sum, [first, ...rest].join('').length)
    assert.ok(others.every(({ skipped }) => skipped === 0))
    const isReceived = (piece: Piece) => piece.direction === DIRECTION.DIRECTION_RECEIVED
    return server.filter(isReceived).slice(1)
  }

  for (const [what, first] of [
    ['frames', PING],
    ['HTTP/1', GET],
    ['something unknown', 'HELO there'],
  ] as const) {
    test(`a connection of ${what} leaves no piece once nothing of it is wanted`, async () => {
      assert.deepEqual(await received([first, 'a', 'b'], { wanting: NOTHING }), [])
    })
  }

  test('a message of HTTP/1 that begins is handed over whatever was said', async () => {
    const pieces = await received([GET, GET, 'body', GET], { wanting: NOTHING })
    assert.deepEqual(pieces.map(text), [GET])
  })

  test('what is said of another connection in the same slot is not heeded', async () => {
    const idOf = (id: number) => id + WANT_LIMIT.WANTS_MAX
    const pieces = await received([PING, 'a', 'b'], { wanting: NOTHING, idOf })
    assert.deepEqual(pieces.map(text), ['a', 'b'])
  })

  test('one direction of which nothing is wanted leaves lengths', async () => {
    const wanting = {
      wantedFrom: (sent: boolean) => (sent ? 0 : Number.POSITIVE_INFINITY),
      wantedBytes: () => 0,
    }
    const [short, long] = [letters(20), letters(500)]
    const pieces = await received([PING, short, long], { wanting })
    assert.deepEqual(pieces.map(lengths), [
      [20, 20],
      [500, 500],
    ])
    assert.deepEqual(pieces.map(text), ['', ''])
    assert.equal(pieces[1]?.tail.toString(), long.slice(-8))
  })

  test('pieces before the position leave nothing, bytes before it are not copied', async () => {
    const at = PING.length + 1250
    const wanting = { wantedFrom: (sent: boolean) => (sent ? 0 : at), wantedBytes: () => 0 }
    const [before, over, behind] = [letters(1000), letters(1000), letters(500)]
    const pieces = await received([PING, before, over, behind], { wanting })
    assert.deepEqual(pieces.map(lengths), [
      [1000 - END, 250],
      [END, 0],
      [500 - END, 0],
      [END, 0],
    ])
    assert.deepEqual(pieces.map(text), [
      over.slice(250, 250 + SMALL),
      over.slice(-END),
      behind.slice(0, SMALL),
      behind.slice(-END),
    ])
    assert.ok(pieces.every((piece) => piece.flags === 0))
  })

  test('a body of HTTP/1 leaves its last piece once its end is known, and what follows it', async () => {
    const body = letters(1000)
    const first = `${GET.slice(0, -2)}Content-Length: 3000\r\n\r\n`
    // As if the body began behind what is captured of a head.
    const at = first.length + MAX + 3000
    const wanting = { wantedFrom: (sent: boolean) => (sent ? 0 : at), wantedBytes: () => 0 }
    const said = [first, letters(MAX), body, body, body, GET] as const
    const pieces = await received(said, { wanting })
    assert.deepEqual(
      pieces.map(({ offset, len, skipped }) => [Number(offset) - first.length, len, skipped]),
      [
        [0, MAX, 0],
        [MAX, 3000, 2000],
        [MAX + 3000, GET.length, 0],
      ],
    )
    assert.equal(pieces[1]?.tail.toString(), body.slice(-8))
    assert.equal(pieces[2] && text(pieces[2]), GET)
  })

  test('as many bytes of a piece come as are wanted, up to capture_max', async () => {
    const long = letters(1000)
    for (const [bytes, comes] of [
      [10, SMALL],
      [200, 200],
      [4096, MAX],
      [2 ** 32 - 1, MAX],
    ] as const) {
      const wanting = { wantedFrom: () => 0, wantedBytes: () => bytes }
      const [piece] = await received([PING, long], { wanting })
      assert.equal(piece && text(piece), long.slice(0, comes))
    }
  })
})

function lengths({ len, skipped }: Piece): [number, number] {
  return [len, skipped]
}
