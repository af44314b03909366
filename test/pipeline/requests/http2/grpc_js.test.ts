/** Against @grpc/grpc-js: the status that the client got of each call, rows must say exactly. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import grpc from '@grpc/grpc-js'
import fc from 'fast-check'
import { method } from '../../../kit/apps/grpc_bytes.ts'
import { essence, type Row, type Said, Talk } from '../talk.ts'
import { countStreams, sizesOf, Wire } from './wire.ts'

const SERVICE = {
  get: method('/shop.Orders/Get', { request: false, response: false }),
  list: method('/shop.Orders/List', { request: false, response: true }),
  put: method('/shop.Orders/Put', { request: true, response: false }),
  watch: method('/shop.Orders/Watch', { request: true, response: true }),
  gone: method('/shop.Orders/Gone', { request: false, response: false }),
} as const
type Name = keyof typeof SERVICE

interface Call {
  readonly name: Name
  readonly code: number
  /** Bytes of each message, both ways. */
  readonly messages: readonly number[]
  readonly ends: 'itself' | 'deadline' | 'cancelled'
}

const call: fc.Arbitrary<Call> = fc
  .record({
    name: fc.constantFrom<Name>('get', 'list', 'put', 'watch', 'gone'),
    code: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 16 })),
    messages: fc.array(fc.oneof(fc.nat(200), fc.nat(30_000)), { minLength: 1, maxLength: 4 }),
    ends: fc.constantFrom('itself', 'itself', 'itself', 'deadline', 'cancelled'),
  })
  // What nobody serves is answered at once.
  .map((say) => (say.name === 'gone' ? { ...say, ends: 'itself' } : say))

type Ending = grpc.ServerUnaryCall<Buffer, Buffer> | grpc.ServerReadableStream<Buffer, Buffer>

/** Calls say in their metadata what is to become of them; `arrived` is told of those that wait. */
function server(arrived: EventEmitter): grpc.Server {
  const said = ({ metadata }: { metadata: grpc.Metadata }) => {
    const say = JSON.parse(String(metadata.get('say')[0])) as Call
    arrived.emit(`${metadata.get('id')[0]}`)
    return say
  }
  const error = ({ code }: Call) => ({ code, details: `number ${code} of 17` })
  const answer = (of: Ending, done: grpc.sendUnaryData<Buffer>) => {
    const say = said(of)
    if (say.ends !== 'itself') return
    if (say.code > 0) done(error(say))
    else done(null, Buffer.alloc(say.messages[0] ?? 0))
  }
  const stream = (
    of: grpc.ServerWritableStream<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>,
  ) => {
    const say = said(of)
    for (const size of say.messages) of.write(Buffer.alloc(size))
    if (say.ends !== 'itself') return
    if (say.code > 0) of.emit('error', error(say))
    else of.end()
  }
  const { gone: _, ...service } = SERVICE
  const serving = new grpc.Server()
  serving.addService(service, {
    get: (of: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
      answer(of, done),
    list: stream,
    put(of: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      of.resume()
      of.on('end', () => answer(of, done))
    },
    watch(of: grpc.ServerDuplexStream<Buffer, Buffer>) {
      of.resume()
      of.on('end', () => stream(of))
    },
  })
  return serving
}

/** The code that the client gets. */
function codeOf(
  client: grpc.Client,
  { say, id, arrived }: { say: Call; id: string; arrived: EventEmitter },
): Promise<number> {
  const { path, requestSerialize, responseDeserialize, requestStream, responseStream } =
    SERVICE[say.name]
  const metadata = new grpc.Metadata()
  metadata.set('say', JSON.stringify(say))
  metadata.set('id', id)
  const options = say.ends === 'deadline' ? { deadline: Date.now() + 200 } : {}
  const first = Buffer.alloc(say.messages[0] ?? 0)
  return new Promise((resolve) => {
    const done = (status: { code: number } | null) => resolve(status?.code ?? 0)
    const make = () => {
      const of = [path, requestSerialize, responseDeserialize] as const
      if (requestStream && responseStream) {
        return client.makeBidiStreamRequest(...of, metadata, options)
      }
      if (requestStream) return client.makeClientStreamRequest(...of, metadata, options, () => {})
      if (responseStream) {
        return client.makeServerStreamRequest(...of, first, metadata, options)
      }
      return client.makeUnaryRequest(...of, first, metadata, options, () => {})
    }
    const calling = make()
    calling.on('status', done)
    calling.on('error', () => {})
    if (calling instanceof Readable) calling.resume()
    if (calling instanceof Writable) {
      for (const size of say.messages) calling.write(Buffer.alloc(size))
      calling.end()
    }
    if (say.ends === 'cancelled') arrived.once(id, () => calling.cancel())
  })
}

async function talk(calls: readonly Call[]): Promise<{ said: readonly Said[]; codes: number[] }> {
  const arrived = new EventEmitter()
  const serving = server(arrived)
  const port = await new Promise<number>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure()
    serving.bindAsync('127.0.0.1:0', insecure, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  const wire = new Wire()
  const near = await wire.open(port)
  const client = new grpc.Client(`127.0.0.1:${near}`, grpc.credentials.createInsecure())
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve()))
    })
    const codes = await Promise.all(
      calls.map((say, i) => codeOf(client, { say, id: `${i}`, arrived })),
    )
    client.close()
    return { said: await wire.ended(), codes }
  } finally {
    client.close()
    serving.forceShutdown()
    await wire.close()
  }
}

test('calls of all four kinds, failing, cancelled, late and unknown', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 25 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 2000 })),
      async (calls, lengths) => {
        const { said, codes } = await talk(calls)
        const rows = new Talk({ port: 50_051 }).say(...said).end()
        const name = (row: Row) =>
          endOf(`${row.protocol} ${row.target} ${row.status ?? 0} ${row.error}`)
        const expected = calls.map((say, i) => {
          const code = codes[i] as number
          const error = code === 0 ? undefined : grpc.status[code]
          return endOf(`grpc ${SERVICE[say.name].path} ${code} ${error}`)
        })
        assert.deepEqual(rows.map(name).sort(), expected.sort())
        for (const row of rows) assert.equal(row.desynchronised ?? row.truncated, undefined)
        // Who serves no such method may answer before all of the request is there.
        if (calls.every(({ ends, name }) => ends === 'itself' && name !== 'gone')) {
          assert.deepEqual(
            sizesOf(rows),
            [...countStreams(said).values()].map(({ offset, request, response }) => [
              offset,
              request,
              response,
            ]),
          )
        }
        const cuts = () => lengths.next().value as number
        const cut = new Talk({ port: 50_051, role: 'server', cuts }).say(...said).end()
        const whole = new Talk({ port: 50_051, role: 'server' }).say(...said).end()
        assert.deepEqual(cut.map(essence), whole.map(essence))
      },
    ),
    { numRuns: 25 },
  )
})

/** The wire has one way to say either, and only time tells them apart: test/e2e/grpc.test.ts. */
function endOf(name: string): string {
  return name.replace('4 DEADLINE_EXCEEDED', '1 CANCELLED')
}
