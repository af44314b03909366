import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Asker, Listeners } from '../../pipeline/listeners.ts'
import { temporaryDirectory } from '../kit/processes.ts'

const LOCAL = '127.0.0.1'

function asker(generation: number, owner = `"otlp" receiver`): Asker & { generation: number } {
  return { owner, generation }
}

/** Answers each connection with a name, so that one sees who took it. */
function named(name: string): (socket: Socket) => void {
  return (socket) => void socket.on('error', () => {}).end(name)
}

/** Who answers at the address. */
async function answer(address: string): Promise<string> {
  const at = address.lastIndexOf(':')
  const socket = address.startsWith('/')
    ? connect(address)
    : connect(Number(address.slice(at + 1)), address.slice(0, at).replace(/^\[(.*)\]$/, '$1'))
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await once(socket, 'close')
  return text
}

test('the newer taker gets the connections, and the older again when it goes first', async () => {
  const listeners = new Listeners()
  const first = await listeners.listen(`${LOCAL}:0`, named('first'), asker(1))
  const { address } = first
  const endpoint = address
  const again = new Listeners()
  await assert.rejects(again.listen(endpoint, named('x'), asker(1)), /the address is in use$/)
  assert.equal(await answer(address), 'first')
  const second = await listeners.listen(`${LOCAL}:0`, named('second'), asker(2))
  assert.equal(second.address, address)
  assert.equal(await answer(address), 'second')
  await second.close()
  assert.equal(await answer(address), 'first')
  const third = await listeners.listen(`${LOCAL}:0`, named('third'), asker(3))
  await first.close()
  await first.close()
  assert.equal(await answer(address), 'third')
  await third.close()
  await assert.rejects(answer(address), /ECONNREFUSED/)
})

test('in one configuration an address has one taker, who is kept counts', async () => {
  const listeners = new Listeners()
  const kept = asker(1)
  const first = await listeners.listen(`${LOCAL}:0`, named('first'), kept)
  const port = first.address.split(':').at(-1)
  const other = asker(1, `"otlp/2" receiver`)
  // By another name of the same host.
  const taken = /^Error: cannot listen on localhost:\d+: "otlp" receiver listens there$/
  const fixed = await listeners.listen(`${LOCAL}:${port}`, named('x'), other).catch((e) => e)
  assert.match(String(fixed), /its port is in use by "otlp" receiver|the address is in use/)
  const listening = await listeners.listen(`localhost:0`, named('y'), other)
  const own = listening.address.split(':').at(-1)
  assert.notEqual(own, port)
  await first.close()
  await listening.close()
  const held = await listeners.listen(`${LOCAL}:${own}`, named('z'), kept)
  kept.generation = 2
  await assert.rejects(listeners.listen(`localhost:${own}`, named('w'), asker(2)), taken)
  await held.close()
})

test('a port that is taken on another of our addresses is told as what it is', async () => {
  const listeners = new Listeners()
  const first = await listeners.listen(`${LOCAL}:0`, named('first'), asker(1))
  const port = first.address.split(':').at(-1)
  await assert.rejects(
    listeners.listen(`0.0.0.0:${port}`, named('x'), asker(2)),
    /its port is in use by "otlp" receiver on 127\.0\.0\.1:\d+; a reload cannot change between/,
  )
  assert.equal(await answer(first.address), 'first')
  await first.close()
})

test('two free ports of one component are two, and the same two after a reload', async () => {
  const listeners = new Listeners()
  const open = (name: string, generation: number) =>
    listeners.listen(`${LOCAL}:0`, named(name), asker(generation))
  const old = [await open('grpc', 1), await open('http', 1)]
  assert.notEqual(old[0]?.address, old[1]?.address)
  const next = [await open('grpc 2', 2), await open('http 2', 2)]
  assert.deepEqual(
    next.map(({ address }) => address),
    old.map(({ address }) => address),
  )
  for (const listening of [...old, ...next]) await listening.close()
})

test('a Unix socket is taken over too, and a stale one is replaced', async () => {
  const listeners = new Listeners()
  const path = join(temporaryDirectory('listeners'), 'otlp.sock')
  const first = await listeners.listen(`unix://${path}`, named('first'), asker(1))
  const second = await listeners.listen(`unix://${path}`, named('second'), asker(2))
  await first.close()
  assert.equal(await answer(path), 'second')
  await second.close()
  assert.ok(!existsSync(path))
})

test('errors name the endpoint and what is wrong with it', async () => {
  const listeners = new Listeners()
  const wrong = [
    ['localhost', /invalid endpoint "localhost": write host:port/],
    ['no.such.host.invalid:1', /unknown host "no.such.host.invalid"/],
    ['192.0.2.1:4317', /cannot listen on 192.0.2.1:4317: this machine does not have the address/],
  ] as const
  for (const [endpoint, message] of wrong) {
    await assert.rejects(listeners.listen(endpoint, named('x'), asker(1)), message)
  }
  const server = createServer().listen(0, LOCAL)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const endpoint = `${LOCAL}:${port}`
  await assert.rejects(listeners.listen(endpoint, named('x'), asker(1)), /the address is in use$/)
  server.close()
  await once(server, 'close')
  // A failure is not remembered.
  const listening = await listeners.listen(endpoint, named('x'), asker(1))
  await listening.close()
})

test('connections made all the time see no refusal while takers come and go', async () => {
  const listeners = new Listeners()
  const listen = (generation: number) =>
    listeners.listen(`${LOCAL}:0`, named(`${generation}`), asker(generation))
  let current = await listen(0)
  const { address } = current
  let isOver = false
  const seen = new Set<string>()
  const client = async () => {
    while (!isOver) seen.add(await answer(address))
  }
  const clients = [client(), client(), client(), client()]
  for (let generation = 1; generation <= 100; generation++) {
    const last = current
    current = await listen(generation)
    await last.close()
    await new Promise(setImmediate)
  }
  isOver = true
  await Promise.all(clients)
  assert.ok(seen.size > 10, `${seen.size} takers were seen`)
  assert.ok(!seen.has(''))
  await current.close()
})
