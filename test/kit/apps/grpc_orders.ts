/**
 * A gRPC service of bytes, and a client that calls it in every way a call can end.
 *
 *     grpc_orders.ts serve ADDRESS:PORT
 *     grpc_orders.ts call ADDRESS:PORT    prints a JSON list of { path, code } as the client saw it
 *     grpc_orders.ts ask ADDRESS:PORT     the same of short calls, one at a time
 *     grpc_orders.ts burst ADDRESS:PORT   the same, sixty at a time on one connection
 */
import { once } from 'node:events'
import grpc from '@grpc/grpc-js'
import { bytes, method } from './grpc_bytes.ts'

const get = method('/shop.Orders/Get', { request: false, response: false })
const list = method('/shop.Orders/List', { request: false, response: true })
const put = method('/shop.Orders/Put', { request: true, response: false })
const watch = method('/shop.Orders/Watch', { request: true, response: true })
const wait = method('/shop.Orders/Wait', { request: false, response: false })

const MESSAGES = 20
const NOBODY = Buffer.from('nobody')

type Unary = grpc.ServerUnaryCall<Buffer, Buffer>
type Done = grpc.sendUnaryData<Buffer>

async function serve(address: string): Promise<void> {
  const server = new grpc.Server()
  server.addService(
    { get, list, put, watch, wait },
    {
      get({ request }: Unary, done: Done) {
        if (request.equals(NOBODY)) done({ code: grpc.status.NOT_FOUND, details: 'no order' })
        else done(null, Buffer.alloc(request.readUInt32BE(0)))
      },
      list(call: grpc.ServerWritableStream<Buffer, Buffer>) {
        for (let i = 0; i < MESSAGES; i++) call.write(Buffer.alloc(1000))
        call.end()
      },
      put(call: grpc.ServerReadableStream<Buffer, Buffer>, done: Done) {
        call.resume()
        call.on('end', () => done(null, NOBODY))
      },
      watch(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
        call.on('data', (message: Buffer) => call.write(message))
        call.on('end', () => call.end())
      },
      // Never answers: its callers go.
      wait() {},
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    )
  })
}

interface Seen {
  readonly path: string
  readonly code: number
}

class Caller {
  readonly seen: Seen[] = []
  readonly #client: grpc.Client

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure())
  }

  close(): void {
    this.#client.close()
  }

  async unary(
    path: string,
    request: Buffer,
    { deadlineMs, cancel }: { deadlineMs?: number; cancel?: boolean } = {},
  ): Promise<void> {
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
    const metadata = new grpc.Metadata()
    const call = this.#client.makeUnaryRequest(
      path,
      bytes,
      bytes,
      request,
      metadata,
      options,
      () => {},
    )
    // What is cancelled at once never gets on the wire.
    if (cancel) setTimeout(() => call.cancel(), 200)
    await this.#end(path, call)
  }

  async list(): Promise<void> {
    const call = this.#client.makeServerStreamRequest(list.path, bytes, bytes, NOBODY)
    call.resume()
    await this.#end(list.path, call)
  }

  async put(): Promise<void> {
    const call = this.#client.makeClientStreamRequest(put.path, bytes, bytes, () => {})
    for (let i = 0; i < MESSAGES; i++) call.write(Buffer.alloc(1000))
    call.end()
    await this.#end(put.path, call)
  }

  async watch(): Promise<void> {
    const call = this.#client.makeBidiStreamRequest(watch.path, bytes, bytes)
    for (let i = 0; i < MESSAGES; i++) {
      call.write(Buffer.alloc(100))
      await once(call, 'data')
    }
    call.end()
    await this.#end(watch.path, call)
  }

  async #end(path: string, call: NodeJS.EventEmitter): Promise<void> {
    call.on('error', () => {})
    const [status] = (await once(call, 'status')) as [{ code: number }]
    this.seen.push({ path, code: status.code })
  }
}

function size(value: number): Buffer {
  const request = Buffer.alloc(4)
  request.writeUInt32BE(value)
  return request
}

async function call(address: string): Promise<void> {
  const caller = new Caller(address)
  const calls: Promise<void>[] = []
  for (let i = 0; i < 40; i++) {
    calls.push(caller.unary(get.path, size(i * 10)), caller.unary(get.path, NOBODY))
    calls.push(caller.unary('/shop.Orders/Gone', NOBODY))
    if (i % 8 === 0) calls.push(caller.list(), caller.put(), caller.watch())
    if (i % 10 === 0) {
      calls.push(caller.unary(get.path, size(200_000)))
      calls.push(caller.unary(wait.path, NOBODY, { deadlineMs: 300 }))
      calls.push(caller.unary(wait.path, NOBODY, { cancel: true }))
    }
    if (i % 4 === 3) await Promise.all(calls.splice(0))
  }
  caller.close()
  console.log(JSON.stringify(caller.seen))
}

async function ask(address: string): Promise<void> {
  const caller = new Caller(address)
  for (let i = 0; i < 40; i++) {
    await caller.unary(get.path, size(i * 10))
    await caller.unary(get.path, NOBODY)
    await caller.unary('/shop.Orders/Gone', NOBODY)
  }
  await caller.watch()
  await caller.unary(wait.path, NOBODY, { deadlineMs: 300 })
  caller.close()
  console.log(JSON.stringify(caller.seen))
}

async function burst(address: string): Promise<void> {
  const caller = new Caller(address)
  for (let round = 0; round < 5; round++) {
    const calls: Promise<void>[] = []
    for (let i = 0; i < 20; i++) {
      calls.push(caller.unary(get.path, size(i * 10)), caller.unary(get.path, NOBODY))
      calls.push(caller.unary('/shop.Orders/Gone', NOBODY))
    }
    await Promise.all(calls)
  }
  caller.close()
  console.log(JSON.stringify(caller.seen))
}

const [, , what, address = ''] = process.argv
if (what === 'serve') await serve(address)
else if (what === 'call') await call(address)
else if (what === 'burst') await burst(address)
else await ask(address)
