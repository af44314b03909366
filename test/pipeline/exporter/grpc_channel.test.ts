/** A channel that comes to no connection, as when all that is sent is dropped on its way. */
import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChannelCredentials, type Client } from '@grpc/grpc-js'
import { GrpcChannel } from '../../../pipeline/exporter/grpc_channel.ts'
import { Backend } from '../../exporters/otlp/backend.ts'

const METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
const CREDENTIALS = ChannelCredentials.createInsecure()

/** A way to the backend on which the first `dead` connections hear nothing, ever. */
async function wayTo(t: TestContext, backend: Backend, dead: number) {
  const sockets: Socket[] = []
  const server = createServer((near) => {
    sockets.push(near)
    near.on('error', () => {})
    if (sockets.length <= dead) return
    const far = connect(backend.port, '127.0.0.1')
    near.pipe(far).pipe(near)
    far.on('error', () => near.destroy())
    near.on('close', () => far.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  assert(address !== null && typeof address === 'object')
  return { target: `dns:///127.0.0.1:${address.port}`, sockets }
}

function call(client: Client): Promise<string> {
  const same = (bytes: Buffer) => bytes
  return new Promise((resolve) => {
    const deadline = Date.now() + 20_000
    client.makeUnaryRequest(METHOD, same, same, Buffer.alloc(0), { deadline }, (error) =>
      resolve(error?.details ?? 'answered'),
    )
  })
}

async function channelTo(t: TestContext, of: { dead: number; connectMs: number }) {
  const backend = await new Backend().listen()
  t.after(() => backend.close())
  const { target, sockets } = await wayTo(t, backend, of.dead)
  const channel = new GrpcChannel({ target, options: {}, connectMs: of.connectMs })
  t.after(() => channel.close())
  return { channel, sockets }
}

test('a call that waits for a connection fails in time, and the next one goes by another', async (t) => {
  const { channel, sockets } = await channelTo(t, { dead: 1, connectMs: 200 })
  const first = channel.client(CREDENTIALS)
  assert.notEqual(await call(first), 'answered')
  const second = channel.client(CREDENTIALS)
  assert.notEqual(second, first)
  assert.equal(await call(second), 'answered')
  assert.equal(sockets.length, 2)
})

test('a channel that has its connection is kept', async (t) => {
  const { channel, sockets } = await channelTo(t, { dead: 0, connectMs: 500 })
  const client = channel.client(CREDENTIALS)
  for (let calls = 0; calls < 5; calls++) {
    assert.equal(await call(channel.client(CREDENTIALS)), 'answered')
    await sleep(200)
  }
  assert.equal(channel.client(CREDENTIALS), client)
  assert.equal(sockets.length, 1)
})

test('with other credentials it is another channel', async (t) => {
  const { channel } = await channelTo(t, { dead: 0, connectMs: 1000 })
  const client = channel.client(CREDENTIALS)
  assert.notEqual(channel.client(ChannelCredentials.createInsecure()), client)
})
