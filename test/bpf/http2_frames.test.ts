/** Of HTTP/2, every byte comes but the bodies of long DATA frames, however frames are written. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DIRECTION } from '../../pipeline/kernel_events/events.gen.ts'
import { Kernel, type Piece, SKIP, type SocketReport, sockets } from './kernel.ts'
import { hex, piecesOf } from './pieces.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const ASKED = 'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nX: y\r\nUpgrade: h2c\r\n\r\n'
const [DATA, HEADERS] = [0, 1]
const MAX = 300
const LONG = 1024

function frame(type: number, bytes: number, letter: string): string {
  const header = String.fromCharCode(
    bytes >> 16,
    (bytes >> 8) & 255,
    bytes & 255,
    type,
    0,
    0,
    0,
    0,
    1,
  )
  return header + letter.repeat(bytes)
}

/** For each byte, whether it must come: all but those of long bodies. */
function needed(frames: readonly string[]): boolean[] {
  return frames.flatMap((text) => {
    const isLong = text.charCodeAt(3) === DATA && text.length - 9 >= LONG
    return Array.from(text, (_, i) => !isLong || i < 9)
  })
}

const FRAMES = [
  frame(HEADERS, 40, 'a'),
  frame(DATA, 2000, 'b'),
  frame(HEADERS, 60, 'c'),
  frame(DATA, 100, 'd'),
  frame(DATA, LONG, 'e'),
  frame(DATA, 9000, 'f'),
  frame(HEADERS, 250, 'g'),
  frame(HEADERS, 200, 'h'),
  frame(DATA, 0, 'i'),
]

suite('frames of HTTP/2', { skip: SKIP }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open({ captureSmallBytes: 64, captureMaxBytes: MAX })
  })
  after(() => kernel.close())

  const text = FRAMES.join('')
  const firstLong = FRAMES[0]?.length as number
  // At once; cut in the midst of headers, of a body, and a byte before a header.
  for (const cut of [text.length, 1, firstLong + 2, firstLong + 5, firstLong + 500, 2057]) {
    test(`come in one write of many, cut behind ${cut} bytes`, async () => {
      const up = [PREFACE, text.slice(0, cut), text.slice(cut), text]
      const made = await sockets('messages', {
        options: { up: hex(up), down: hex(['', '', '', '']) },
      })
      assertFrames(await sentUp(made), PREFACE)
    })
  }

  // As the server need not wait for it: with the end of HTTP/1, behind it, and cut in a long body.
  for (const cut of [text.length, 0, 1, firstLong + 500]) {
    test(`come before the preface of who asked by HTTP/1, cut behind ${cut} bytes`, async () => {
      const up = [ASKED, '', PREFACE + text, text]
      const down = [SWITCHED + text.slice(0, cut), text.slice(cut) + text, '', '']
      const made = await sockets('messages', { options: { up: hex(up), down: hex(down) } })
      assertFrames(await sentDown(made), SWITCHED)
      assertFrames(await sentUp(made), ASKED + PREFACE)
    })
  }

  /** What the client has sent, as both ends saw it. */
  async function sentUp(made: SocketReport): Promise<Piece[][]> {
    const { client, server } = await piecesOf(kernel, made)
    return [
      client.filter(({ direction }) => direction === DIRECTION.DIRECTION_SENT),
      server.filter(({ direction }) => direction === DIRECTION.DIRECTION_RECEIVED),
    ]
  }

  async function sentDown(made: SocketReport): Promise<Piece[][]> {
    const { client, server } = await piecesOf(kernel, made)
    return [
      client.filter(({ direction }) => direction === DIRECTION.DIRECTION_RECEIVED),
      server.filter(({ direction }) => direction === DIRECTION.DIRECTION_SENT),
    ]
  }

  function assertFrames(ends: readonly Piece[][], before: string): void {
    for (const pieces of ends) assertEnd(pieces, before)
  }

  /** `before`, then all frames twice. */
  function assertEnd(pieces: readonly Piece[], before: string): void {
    const stream = Buffer.from(before + text + text, 'latin1')
    const must = [...Array(before.length).fill(true), ...needed([...FRAMES, ...FRAMES])]
    const known = new Array<boolean>(stream.length).fill(false)
    let at = 0
    for (const { offset, len, skipped, bytes, flags } of pieces) {
      assert.deepEqual([offset, flags], [at, 0])
      const from = offset + skipped
      assert.ok(bytes.equals(stream.subarray(from, from + bytes.length)), `bytes at ${from}`)
      known.fill(true, from, from + bytes.length)
      at += len
    }
    assert.equal(at, stream.length)
    const missing = must.findIndex((is, i) => is && !known[i])
    assert.equal(missing, -1)
    const copied = known.filter(Boolean).length
    assert.ok(copied < must.filter(Boolean).length + 8 * MAX, `${copied} bytes were copied`)
  }
})
