/** Against Node's own HTTP/2: what a client asked and a server answered, rows must say exactly. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { essence, type Said, Talk } from '../talk.ts'
import { countStreams, sizesOf, Wire } from './wire.ts'

interface Ask {
  readonly method: string
  readonly path: string
  readonly fields: Readonly<Record<string, string>>
  readonly body: number
  readonly status: number
  readonly answer: number
  readonly trailers: boolean
  readonly push: boolean
  readonly delayMs: number
}

const name = fc.stringMatching(/^x-[a-z]{1,6}$/)
const value = fc.stringMatching(/^[!-~]{0,40}$/)
const size = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(40_000))
const ask: fc.Arbitrary<Ask> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'),
  path: fc.stringMatching(/^\/[a-zA-Z0-9/?&=%._~-]{0,60}$/),
  fields: fc.dictionary(name, value, { maxKeys: 6 }),
  body: size,
  status: fc.constantFrom(200, 200, 201, 299, 404, 418, 500, 503),
  answer: size,
  trailers: fc.boolean(),
  push: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  delayMs: fc.nat(3),
})
const tableSize = fc.constantFrom(0, 64, 256, 4096, 65_536)
const settings = fc.record({ client: tableSize, server: tableSize })

/** Serves what the request's own fields say. */
function serve(tableBytes: number): http2.Http2Server {
  const server = http2.createServer({ settings: { headerTableSize: tableBytes } })
  server.on('stream', (stream: http2.ServerHttp2Stream, fields: http2.IncomingHttpHeaders) => {
    const say = JSON.parse(String(fields['x-say'])) as Ask
    stream.on('error', () => {})
    stream.resume()
    stream.on('end', () => {
      setTimeout(() => {
        if (say.push && stream.pushAllowed) {
          stream.pushStream({ ':path': '/pushed' }, (error, pushed) => {
            if (error === null) pushed.respond({ ':status': 200 }, { endStream: true })
          })
        }
        stream.respond(
          { ':status': say.status, 'x-echo': say.path.slice(0, 20) },
          { waitForTrailers: say.trailers },
        )
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': `${say.answer}` }))
        stream.end(Buffer.alloc(say.answer, 'a'))
      }, say.delayMs)
    })
  })
  return server
}

async function talk(
  asks: readonly Ask[],
  { client, server }: { client: number; server: number },
): Promise<{ said: Said[]; statuses: number[] }> {
  const listening = serve(server)
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const wire = new Wire()
  const port = await wire.open((listening.address() as AddressInfo).port)
  const session = http2.connect(`http://127.0.0.1:${port}`, {
    settings: { headerTableSize: client },
  })
  session.on('stream', (pushed) => pushed.resume())
  try {
    const statuses = await Promise.all(asks.map((say) => answerTo(session, say)))
    session.close()
    await once(session, 'close')
    return { said: wire.said, statuses }
  } finally {
    session.destroy()
    await wire.close()
    listening.close()
    await once(listening, 'close')
  }
}

function answerTo(session: http2.ClientHttp2Session, say: Ask): Promise<number> {
  const fields = { ...say.fields, ':method': say.method, ':path': say.path }
  const stream = session.request({ ...fields, 'x-say': JSON.stringify(say) }, { endStream: false })
  stream.end(Buffer.alloc(say.body, 'q'))
  stream.resume()
  return new Promise((resolve, reject) => {
    let status = 0
    stream.on('response', (answered) => {
      status = Number(answered[':status'])
    })
    stream.on('end', () => resolve(status))
    stream.on('error', reject)
  })
}

test('requests, bodies and answers of many streams at once, in any pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(ask, { minLength: 1, maxLength: 30 }),
      settings,
      fc.infiniteStream(fc.integer({ min: 1, max: 2000 })),
      async (asks, sizes, lengths) => {
        const { said, statuses } = await talk(asks, sizes)
        const options = { query: 'keep', port: 8080 } as const
        const rows = new Talk(options).say(...said).end()
        const byOffset = [...rows].sort(
          (a, b) => Number(a.request_offset) - Number(b.request_offset),
        )
        assert.deepEqual(
          byOffset.map((row) => [row.protocol, row.method, row.target, row.status]),
          asks.map((say, i) => ['http', say.method, say.path, statuses[i]]),
        )
        for (const row of rows) assert.equal(row.desynchronised ?? row.truncated, undefined)
        const counted = [...countStreams(said)].filter(([id]) => id % 2 === 1)
        assert.deepEqual(
          sizesOf(rows),
          counted.map(([, { offset, request, response }]) => [offset, request, response]),
        )
        const cuts = () => lengths.next().value as number
        for (const role of ['client', 'server'] as const) {
          const cut = new Talk({ ...options, role, cuts }).say(...said).end()
          const whole = new Talk({ ...options, role }).say(...said).end()
          assert.deepEqual(cut.map(essence), whole.map(essence))
        }
      },
    ),
    { numRuns: 40 },
  )
})
