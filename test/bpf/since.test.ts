/**
 * What a long connection or flow has done adds up over its records to what its program knows,
 * however many records of others, and of its own, have found no room in between.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CONN_ROLE, CONN_STATE, COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import { Program } from '../kit/processes.ts'
import { CONFIG, Kernel, SKIP, sockets } from './kernel.ts'
import { udpRecord } from './udp.ts'

const ROUNDS = 120
const [TCP_BYTES, UDP_BYTES] = [100, 50]

/** A connection and a flow that go on for two seconds. */
const TALK = `
import json, socket, time
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to.bind(('127.0.0.1', 0))
flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
flow.connect(to.getsockname())
for _ in range(${ROUNDS}):
    client.sendall(b'q' * ${TCP_BYTES})
    server.recv(${TCP_BYTES})
    flow.send(b'd' * ${UDP_BYTES})
    to.recv(${UDP_BYTES})
    time.sleep(0.02)
print(json.dumps([client.getsockname()[1], flow.getsockname()[1]]), flush=True)
time.sleep(0.1)
client.close()
`

test('records of what goes on add up, whatever is lost in between', { skip: SKIP }, async () => {
  const { ROLE_CLIENT } = CONN_ROLE
  const { CONN_CLOSED, CONN_INTERIM } = CONN_STATE
  const config = { requests: false, connRingBytes: 16_384, interimMs: 200, udp: CONFIG.udp }
  const kernel = await Kernel.open(config)
  try {
    const program = new Program(['python3', '-u', '-c', TALK])
    for (let burst = 0; burst < 3; burst++) {
      await sockets('many', { options: { count: 300 } })
      kernel.drain()
      await sleep(100)
    }
    const timer = setInterval(() => kernel.drain(), 50)
    const [, tcp, udp] = await program.line(/\[(\d+), (\d+)\]/)
    await program.exited
    clearInterval(timer)

    const ended = { local_port: Number(tcp), role: ROLE_CLIENT, state: CONN_CLOSED }
    const closed = await kernel.connection(ended)
    assert.ok(kernel.counters.read(COUNTER.COUNTER_CONN_LOST_RING) > 100)
    const records = kernel.connections.filter(({ conn_id }) => conn_id === closed.conn_id)
    assert.ok(records.some(({ state }) => state === CONN_INTERIM))
    assert.equal(closed.bytes_sent, ROUNDS * TCP_BYTES)
    const sent = records.reduce((sum, { sent_since }) => sum + Number(sent_since), 0)
    assert.equal(sent, closed.bytes_sent)

    const flow = await udpRecord(kernel, { ...ended, local_port: Number(udp) })
    assert.equal(flow.datagrams_sent, ROUNDS)
    assert.equal(flow.bytes_sent, ROUNDS * UDP_BYTES)
    const told = kernel.udp.filter(({ flow_id }) => flow_id === flow.flow_id)
    assert.ok(told.length > 2)
    const bytes = told
      .filter(({ role }) => role === ROLE_CLIENT)
      .reduce((sum, { bytes_sent_since }) => sum + Number(bytes_sent_since), 0)
    assert.equal(bytes, flow.bytes_sent)
  } finally {
    kernel.close()
  }
})
