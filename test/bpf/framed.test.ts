/** Connections that speak other protocols than HTTP/1: told by their first 8 bytes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { DIRECTION } from '../../pipeline/kernel_events/events.gen.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { Kernel, type Piece, SKIP, sockets } from './kernel.ts'
import { check, hex, piecesOf, text } from './pieces.ts'

const { DIRECTION_RECEIVED, DIRECTION_SENT } = DIRECTION
const SMALL = 64
const MAX = 300

interface Beginning {
  readonly up: readonly string[]
  readonly down: readonly string[]
}

/** Who speaks first has its bytes in a message of its own, and the other end none in that turn. */
const client = (first: string): Beginning => ({ up: [first, 'more'], down: ['answer', 'more'] })
const server = (first: string): Beginning => ({ up: ['', 'login'], down: [first, 'welcome'] })

const HTTP2 = 'the preface of HTTP/2'

const FRAMED: Readonly<Record<string, Beginning>> = {
  'a startup of PostgreSQL': client('\0\0\0\x11\0\x03\0\0user\0me\0\0'),
  'a request for encryption of PostgreSQL': client('\0\0\0\x08\x04\xd2\x16\x2f'),
  'a command of Redis': client('*1\r\n$4\r\nPING\r\n'),
  'a long command of Redis': client('*120\r\n$4\r\nMGET\r\n'),
  [HTTP2]: client('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  'a greeting of MySQL': server('\x4a\0\0\0\x0a8.0.36\0'),
  'a get of memcached': client('get key\r\n'),
  'a gets of memcached': client('gets key another\r\n'),
  'a delete of memcached': client('delete key\r\n'),
  'a meta get of memcached': client('mg key v\r\n'),
  'ApiVersions of Kafka': client('\0\0\0\x22\0\x12\0\x03\0\0\0\x01\0\x04test\0'),
  'a query of DNS': client(
    '\0\x1d\x12\x34\x01\x20\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01',
  ),
}

/** Nearly one of those above. */
const OTHERS: Readonly<Record<string, Beginning>> = {
  'a startup of an unknown version': client('\0\0\0\x11\0\xc8\0\0user\0me\0\0'),
  'a list without texts': client('*1\r\n:4\r\n'),
  'a greeting of MySQL by the client': client('\x4a\0\0\0\x0a8.0.36\0'),
  'a command of Redis by the server': server('*1\r\n$4\r\nPING\r\n'),
  'a word that begins like one of memcached': client('getting'),
  'a request of Kafka without a body': client('\0\0\0\x04\0\x12\0\x03'),
  'an answer of DNS': client('\0\x1d\x12\x34\x81\x20\0\x01\0\0\0\0\0\0'),
}

suite('frames', { skip: SKIP }, () => {
  let kernel: Kernel
  let directory: string
  before(async () => {
    kernel = await Kernel.open({ captureSmallBytes: SMALL, captureMaxBytes: MAX })
    directory = temporaryDirectory('framed')
  })
  after(() => {
    kernel.close()
    removeDirectory(directory)
  })

  /** Both ends' pieces of such a connection, on which much is said afterwards. */
  async function pieces({ up, down }: Beginning) {
    const filler = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(i === 9 ? 5000 : 5))
    const options = { up: hex([...up, ...filler]), down: hex([...down, ...filler]) }
    const made = await sockets('messages', { options })
    return { ...(await piecesOf(kernel, made)), filler }
  }

  for (const [what, beginning] of Object.entries(FRAMED)) {
    test(`after ${what} the beginning of every piece comes, in both directions`, async () => {
      const { client, server, filler } = await pieces(beginning)
      // Its frames are of several messages, and go in one write.
      const most = what === HTTP2 ? MAX : SMALL
      for (const [end, up, down] of [
        [client, DIRECTION_SENT, DIRECTION_RECEIVED],
        [server, DIRECTION_RECEIVED, DIRECTION_SENT],
      ] as const) {
        assertStream(of(end, up), { messages: [...beginning.up, ...filler], most })
        assertStream(of(end, down), { messages: [...beginning.down, ...filler], most })
      }
    })
  }

  for (const [what, beginning] of Object.entries(FRAMED)) {
    test(`${what} is known when its first bytes come one by one`, async () => {
      const byServer = beginning.up[0] === ''
      const first = (byServer ? beginning.down[0] : beginning.up[0]) as string
      const bytes = [...first.slice(0, 8), first.slice(8)].filter(Boolean)
      const silence = bytes.map(() => '')
      const { client, server } = await pieces({
        up: byServer ? silence : bytes,
        down: byServer ? bytes : silence,
      })
      for (const end of [client, server]) {
        assert.equal(
          end.reduce((sum, piece) => sum + piece.len, 0),
          first.length + 2 * 5045,
        )
        assert.ok(end.every((piece) => piece.bytes.length >= least(piece.len)))
      }
    })
  }

  for (const [what, beginning] of Object.entries(OTHERS)) {
    test(`${what} is none of them`, async () => {
      const { client, server } = await pieces(beginning)
      assert.equal(client.length, 8)
      assert.equal(server.length, 8)
    })
  }

  for (const seed of [1, 2, 3]) {
    test(`the bytes are those of the stream, by whatever call they go (seed ${seed})`, async () => {
      const file = join(directory, `stream-${seed}`)
      const options = { seed, bytes: 400_000, file, first: hex(['*1\r\n$4\r\nPING\r\n']) }
      const made = await sockets('stream', { options })
      const data = readFileSync(file)
      const { client, server } = await piecesOf(kernel, made)
      for (const pieces of [of(client, DIRECTION_SENT), of(server, DIRECTION_RECEIVED)]) {
        const { captured } = check(pieces, data)
        const wanted = pieces.reduce(
          (sum, { len, flags }) => sum + (flags === 0 ? least(len) : 0),
          0,
        )
        assert.ok(captured >= wanted, `${captured} of ${wanted} bytes`)
      }
    })
  }

  test('HTTP/1 that looks like frames later is HTTP/1', async () => {
    const { client } = await pieces({
      up: ['GET / HTTP/1.1\r\n\r\n', '*1\r\n$4\r\nPING\r\n'],
      down: ['HTTP/1.1 101 x\r\n\r\n', '+PONG\r\n'],
    })
    // Up to capture_max bytes from where a message began.
    const last = of(client, DIRECTION_SENT).at(-1) as Piece
    assert.equal(last.offset + last.bytes.length, MAX)
  })
})

function least(length: number): number {
  return Math.min(length, SMALL)
}

function of(pieces: readonly Piece[], direction: number): Piece[] {
  return pieces.filter((piece) => piece.direction === direction)
}

/** A message is a piece; of a longer one the beginning comes, and the end, but of HTTP/2. */
function assertStream(
  pieces: readonly Piece[],
  { messages, most }: { messages: readonly string[]; most: number },
): void {
  const said = messages.filter(Boolean).flatMap((message) => {
    const cut = message.length - SMALL / 2
    return cut > most && most === SMALL ? [message.slice(0, cut), message.slice(cut)] : [message]
  })
  assert.deepEqual(
    pieces.map((piece) => [piece.len, text(piece), piece.flags]),
    said.map((message) => [message.length, message.slice(0, most), 0]),
  )
  for (const [i, { tail }] of pieces.entries()) {
    const end = (said[i] as string).slice(-8)
    const told = tail.toString('latin1').slice(-end.length)
    // Of HTTP/2, and of a long write but for its end, nobody looks for the last bytes.
    const isCut =
      ((said[i] as string).length > SMALL || most === MAX) && told === '\0'.repeat(told.length)
    assert.ok(told === end || isCut)
  }
}
