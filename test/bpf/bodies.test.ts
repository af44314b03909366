/** Of HTTP/1 bodies what nobody needs is withheld, and said to have been with the next piece. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DIRECTION } from '../../pipeline/kernel_events/events.gen.ts'
import { Kernel, type Piece, SKIP, sockets } from './kernel.ts'
import { hex, piecesOf, text } from './pieces.ts'

const SMALL = 64
const MAX = 300
const GET = 'GET / HTTP/1.1\r\n\r\n'
const LAST_CHUNK = '\r\n0\r\n\r\n'

const get = (method = 'GET') => `${method} / HTTP/1.1\r\n\r\n`
const answer = (fields: string, status = '200 OK') => `HTTP/1.1 ${status}\r\n${fields}\r\n\r\n`
const part = (count: number) => 'b'.repeat(count)

/** Offset, length, bytes that were withheld before or not copied, and the text. */
type Told = [offset: number, length: number, skipped: number, text: string]

suite('bodies', { skip: SKIP }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open({ captureSmallBytes: SMALL, captureMaxBytes: MAX })
  })
  after(() => kernel.close())

  /** What is told of the answers' direction, the same by both ends: that is, `down`. */
  async function told(up: readonly string[], down: readonly string[]): Promise<Told[]> {
    const made = await sockets('messages', { options: { up: hex(up), down: hex(down) } })
    const { client, server } = await piecesOf(kernel, made)
    const sent = server.filter((piece) => piece.direction === DIRECTION.DIRECTION_SENT)
    const received = client.filter((piece) => piece.direction === DIRECTION.DIRECTION_RECEIVED)
    for (const pieces of [sent, received]) assertWhole(pieces, down.join('').length)
    assert.deepEqual(received.map(toldOf), sent.map(toldOf))
    return sent.map(toldOf)
  }

  /** As many turns in which the client says nothing. */
  const silent = (count: number) => Array<string>(count).fill('')

  for (const [name, fields] of [
    ['Content-Length', 'Content-Length: 1000'],
    ['another case', 'X: y\r\ncOnTeNt-LeNgTh:1000\r\nServer: z'],
    ['a second one that is the same', 'Content-Length: 1000\r\nContent-Length: 1000'],
  ] as const) {
    test(`of a body with ${name} the last piece tells of all`, async () => {
      const head = answer(fields)
      const down = [head, part(400), part(30), part(570), answer('X: y')]
      const seen = await told([GET, ...silent(3), GET], down)
      assert.deepEqual(seen, [
        [0, head.length, 0, head],
        [head.length, 1000, 430, ''],
        [head.length + 1000, down[4]?.length, 0, down[4]],
      ])
    })
  }

  test('a short piece that ends a body and begins a message comes whole', async () => {
    const head = answer('Content-Length: 1000')
    const last = `${part(40)}HTTP/1.1 200 OK\r\n\r\n`
    const rest = ['HTTP/1', '.1 200 OK\r\n\r\n']
    const seen = await told([GET, ...silent(4)], [head, part(960), last, ...rest])
    assert.deepEqual(seen, [
      [0, head.length, 0, head],
      [head.length, 960 + last.length, 960, last],
      [head.length + 960 + last.length, 6, 0, rest[0]],
      [head.length + 966 + last.length, rest[1]?.length, 0, rest[1]],
    ])
  })

  test('of a head and its body in one piece the head is copied', async () => {
    const head = answer('Content-Length: 1000')
    const seen = await told([GET, ''], [head + part(500), part(500)])
    assert.deepEqual(seen, [
      [0, head.length + 500, 0, head],
      [head.length + 500, 500, 0, ''],
    ])
  })

  test('a chunked body is withheld up to the piece that ends it', async () => {
    const head = answer('Transfer-Encoding: chunked')
    const first = `190\r\n${part(400)}`
    const down = [head, first, `\r\n2\r\nab\r\n400\r\n${part(1000)}`, part(24), LAST_CHUNK, head]
    const seen = await told([GET, ...silent(4), GET], down)
    const [begin, body] = [head.length, down.slice(1, 5).join('').length]
    assert.deepEqual(seen, [
      [0, begin, 0, head],
      // As far as capture_max goes behind the head's beginning.
      [begin, first.length, 0, first.slice(0, MAX - begin)],
      [begin + first.length, body - first.length, body - first.length - LAST_CHUNK.length, ''],
      [begin + body, begin, 0, head],
    ])
  })

  test('a body up to the end of the connection is told of there', async () => {
    const head = answer('Connection: close')
    const seen = await told([GET, ...silent(3)], [head, part(400), part(20), part(300)])
    assert.deepEqual(seen, [
      [0, head.length, 0, head],
      [head.length, 400, 0, part(MAX - head.length)],
      [head.length + 400, 20, 0, part(20)],
      [head.length + 420, 300, 300, ''],
    ])
  })

  test('a body that is cut short is told of as far as it came', async () => {
    const head = answer('Content-Length: 100000')
    const seen = await told([GET, ...silent(2)], [head, part(400), part(300)])
    assert.deepEqual(seen, [
      [0, head.length, 0, head],
      [head.length, 700, 700, ''],
    ])
  })

  for (const [name, method, status] of [
    ['HEAD', 'HEAD', '200 OK'],
    ['a condition', 'GET', '304 Not Modified'],
  ] as const) {
    test(`an answer to ${name} has a length and no body`, async () => {
      const head = answer('Content-Length: 100000', status)
      const next = answer('X: y')
      const seen = await told([get(method), GET, ''], [head, next, part(400)])
      assert.deepEqual(seen.slice(0, 2), [
        [0, head.length, 0, head],
        [head.length, next.length, 0, next],
      ])
    })
  }

  test('an answer that comes instead of a body is told of, as is what follows', async () => {
    const head = answer('Content-Length: 100000')
    const seen = await told([GET, GET, GET], [head + part(100), answer('X: y'), answer('X: z')])
    assert.deepEqual(
      seen.map((each) => each[3]),
      [head, answer('X: y'), answer('X: z')],
    )
  })

  for (const [name, fields] of [
    ['two lengths', 'Content-Length: 1000\r\nContent-Length: 1001'],
    ['a length that is no number', 'Content-Length: 0x100'],
    ['a length of two numbers', 'Content-Length: 1000, 1000'],
    ['a length without digits', 'Content-Length: '],
    ['a length beyond all', `Content-Length: ${'9'.repeat(20)}`],
  ] as const) {
    test(`of a body with ${name} every piece is told of`, async () => {
      const head = answer(fields)
      const seen = await told([GET, ...silent(2)], [head, part(400), part(400)])
      assert.deepEqual(
        seen.map((each) => each[1]),
        [head.length, 400, 400],
      )
    })
  }
})

function toldOf(piece: Piece): Told {
  return [Number(piece.offset), piece.len, piece.skipped, text(piece)]
}

function assertWhole(pieces: readonly Piece[], length: number): void {
  let at = 0
  for (const piece of pieces) {
    assert.equal(Number(piece.offset), at)
    at += piece.len
  }
  assert.equal(at, length)
}
