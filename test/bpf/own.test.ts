/** flowspan's own connections leave no record, at either end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { CONN_ROLE, CONN_STATE, COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import { Program } from '../kit/processes.ts'
import { Kernel, SKIP, SOCKETS, sockets } from './kernel.ts'

suite('own connections', { skip: SKIP }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open()
  })
  after(() => kernel.close())

  const own = () => kernel.counters.read(COUNTER.COUNTER_CONN_OWN)
  /** Records of a port, once all before a later connection have come. */
  async function recordsOf(port: number) {
    const later = await sockets('messages', { options: { up: '41', down: '42' } })
    const { ROLE_SERVER } = CONN_ROLE
    await kernel.connection({
      state: CONN_STATE.CONN_CLOSED,
      role: ROLE_SERVER,
      remote_port: later.client_port,
    })
    return kernel.connections.filter(
      (record) => record.local_port === port || record.remote_port === port,
    )
  }

  test('what the keeper opens is left out, its peer on this host too', async () => {
    const port = 20_000 + (process.pid % 10_000)
    const program = new Program(['python3', '-u', SOCKETS, 'serve', `port=${port}`])
    await program.line(/listening/)
    const before = own()
    const socket = connect(port, '127.0.0.1').on('error', assert.ifError)
    socket.end('GET / HTTP/1.1\r\n\r\n').resume()
    await once(socket, 'close')
    await program.stop()
    assert.deepEqual(await recordsOf(port), [])
    assert.equal(own() - before, 2)
    const pieces = kernel.pieces.filter((piece) => piece.pid === program.pid)
    assert.deepEqual(pieces, [])
  })

  test('what the keeper accepts is left out, what the others open is not', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
    const port = await listen(server)
    const made = await sockets('visit', { options: { to: '127.0.0.1', port, up: 5 } })
    await new Promise((resolve) => server.close(resolve))
    const records = await recordsOf(port)
    assert.ok(records.length > 0)
    assert.ok(records.every((record) => record.role === CONN_ROLE.ROLE_CLIENT))
    assert.ok(records.every((record) => record.pid === made.pid))
  })

  test("the child's connections are left out, until another child is there", async () => {
    const first = await runAsChild(true)
    assert.deepEqual(await recordsOf(first.client_port), [])
    kernel.privileged.childStarted?.(first.pid + 1_000_000)
    const other = await runAsChild(false)
    assert.ok((await recordsOf(other.client_port)).length > 0)
  })

  /** A process that waits to be announced before it connects to itself. */
  async function runAsChild(announced: boolean) {
    const line = `read go; exec python3 ${SOCKETS} client_closes_first`
    const child = spawn('sh', ['-c', line], { stdio: ['pipe', 'pipe', 'inherit'] })
    assert.ok(child.pid)
    if (announced) kernel.privileged.childStarted?.(child.pid)
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stdin.end('go\n')
    await once(child, 'close')
    return JSON.parse(output) as { pid: number; client_port: number }
  }

  test('what is left out is no event', () => kernel.balance())
})

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}
