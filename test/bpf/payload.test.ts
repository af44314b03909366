/** Payload pieces against the bytes that programs sent. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { COUNTER, DIRECTION, PAYLOAD_FLAG } from '../../pipeline/kernel_events/events.gen.ts'
import { removeDirectory, temporaryDirectory } from '../kit/processes.ts'
import { Kernel, type Piece, SKIP, sockets } from './kernel.ts'
import { check, hex, piecesOf, text } from './pieces.ts'

const { DIRECTION_RECEIVED, DIRECTION_SENT } = DIRECTION
const GET = 'GET / HTTP/1.1\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\n\r\n'

suite('payload', { skip: SKIP }, () => {
  let kernel: Kernel
  let directory: string
  before(async () => {
    kernel = await Kernel.open()
    directory = temporaryDirectory('payload')
  })
  after(() => {
    kernel.close()
    removeDirectory(directory)
  })

  for (const seed of [1, 2, 3]) {
    test(`a stream of small messages comes whole on both ends (seed ${seed})`, async () => {
      const file = join(directory, `stream-${seed}`)
      const made = await sockets('stream', { options: { seed, bytes: 400_000, file } })
      const data = readFileSync(file)
      const { client, server } = await piecesOf(kernel, made)
      const sent = client.filter((piece) => piece.direction === DIRECTION_SENT)
      const received = server.filter((piece) => piece.direction === DIRECTION_RECEIVED)
      assert.equal(check(sent, data).captured, data.length)
      assert.equal(check(received, data).captured, data.length)
      assert.ok(received.some((piece) => piece.flags === PAYLOAD_FLAG.PAYLOAD_AGAIN))
      assert.ok(sent.every((piece) => piece.pid === made.pid && piece.tid === made.pid))
      assert.ok(received.every((piece) => piece.pid === made.pid && piece.comm === 'python3'))
    })

    test(`writes that end early leave neither gap nor overlap (seed ${seed})`, async () => {
      const file = join(directory, `partial-${seed}`)
      const made = await sockets('partial', { options: { seed, bytes: 2_000_000, file } })
      const data = readFileSync(file)
      assert.ok(made.short > 10, `only ${made.short} writes ended early`)
      const { client, server } = await piecesOf(kernel, made)
      check(client, data)
      check(server, data)
    })
  }

  test('sendfile shows its length, and the read at the other end', async () => {
    const file = join(directory, 'sendfile')
    writeFileSync(file, Buffer.alloc(1_000_000, 'sendfile'))
    const made = await sockets('sendfile', { options: { file } })
    const data = Buffer.concat([Buffer.from(OK), readFileSync(file)])
    const { client, server } = await piecesOf(kernel, made)
    check(server, data)
    check(client, data)
    const body = server.filter((piece) => piece.offset >= made.head)
    assert.ok(body.every((piece) => piece.bytes.length === 0 && piece.flags === 0))
  })

  test('messages of a kept connection follow one another in both directions', async () => {
    const up = [GET, GET, `POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc`]
    const down = [OK, OK, OK]
    const made = await sockets('messages', { options: { up: hex(up), down: hex(down) } })
    const { client, server } = await piecesOf(kernel, made)
    for (const [end, out] of [[client, up] as const, [server, down] as const]) {
      const [sent, received] = [DIRECTION_SENT, DIRECTION_RECEIVED].map((direction) =>
        end.filter((piece) => piece.direction === direction),
      ) as [Piece[], Piece[]]
      const other = out === up ? down : up
      assert.deepEqual(sent.map(text), out)
      assert.equal(received.map(text).join(''), other.join(''))
      check(sent, Buffer.from(out.join('')))
      check(received, Buffer.from(other.join('')))
    }
  })

  test('a connection of which 8 pieces match nothing is given up', async () => {
    const options = { up: hex(Array(10).fill('what?')), down: hex(Array(10).fill('220 hello')) }
    const made = await sockets('messages', { options })
    const { client, server } = await piecesOf(kernel, made)
    assert.equal(client.length, 8)
    assert.equal(server.length, 8)
  })

  test('a request whose first bytes come one by one is found', async () => {
    const parts = [...GET.slice(0, 12), GET.slice(12)]
    const down = [...parts.slice(1).map(() => ''), OK]
    const made = await sockets('messages', { options: { up: hex(parts), down: hex(down) } })
    const { server } = await piecesOf(kernel, made)
    assert.deepEqual(server.map(text), [...parts, OK])
  })

  test('memory that is not there is said to be, and its length told', async () => {
    const file = join(directory, 'absent')
    writeFileSync(file, Buffer.alloc(5000, 'absent'))
    const made = await sockets('absent', { options: { file } })
    const { client, server } = await piecesOf(kernel, made)
    const sent = client.filter((piece) => piece.direction === DIRECTION_SENT)
    assert.deepEqual(
      sent.map((piece) => [piece.offset, piece.len, piece.bytes.length, piece.flags]),
      [
        [0, made.head, made.head, 0],
        [made.head, 5000, 0, PAYLOAD_FLAG.PAYLOAD_FAULT],
      ],
    )
    check(server, Buffer.concat([Buffer.from(GET), readFileSync(file)]))
    assert.equal(kernel.counters.read(COUNTER.COUNTER_PAYLOAD_FAULT), 1)
  })

  test('every piece was handed over', async () => {
    await kernel.balance()
    assert.equal(kernel.counters.read(COUNTER.COUNTER_PAYLOAD_LOST_RING), 0)
  })
})

suite('payload policy', { skip: SKIP }, () => {
  test('a long head comes up to the limit, a long body not at all, both with their ends', async () => {
    const kernel = await Kernel.open({ captureSmallBytes: 64, captureMaxBytes: 300 })
    try {
      const head = `GET /${'a'.repeat(180)} HTTP/1.1\r\n`
      const rest = `X: ${'b'.repeat(300)}\r\n\r\n`
      const body = `${'c'.repeat(5000)}the end`
      const options = { up: hex([head, rest, body, GET]), down: hex(['', '', OK, OK]) }
      const made = await sockets('messages', { options })
      const { client } = await piecesOf(kernel, made)
      const sent = client.filter((piece) => piece.direction === DIRECTION_SENT)
      assert.deepEqual(
        sent.map((piece) => [piece.len, piece.bytes.length, piece.tail.toString()]),
        [
          [head.length, head.length, 'TP/1.1\r\n'],
          [rest.length, 300 - head.length, 'bbbb\r\n\r\n'],
          [body.length, 0, 'cthe end'],
          [GET.length, GET.length, '/1.1\r\n\r\n'],
        ],
      )
      check(sent, Buffer.from(head + rest + body + GET))
    } finally {
      kernel.close()
    }
  })
})
