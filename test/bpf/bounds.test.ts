/**
 * Every map has a bound, and here stands what becomes of what is beyond: it is counted, with its
 * reason, or what it displaces is found out anew. Each is filled, here or where it says so, and
 * has room again.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { CONN_STATE, COUNTER, RECORD_TYPE } from '../../pipeline/kernel_events/events.gen.ts'
import { inPod, Network } from '../kit/netns.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { CONFIG, command, EYES, Kernel, SKIP, sockets } from './kernel.ts'
import { datagrams, type UdpFlow } from './udp.ts'

const BPF = join(import.meta.dirname, '../../bpf')
const MAP = /} (\w+) SEC\("\.maps"\)/g

/** What becomes of what has no place in a map. */
const BEYOND: Readonly<Record<string, string>> = {
  // Counted: filled below.
  connections: 'connection_ring_full, listener_ring_full, identity_ring_full',
  payload: 'payload_ring_full',
  conns: 'socket_storage_full',
  udp_flows: 'udp_flows_full',
  edges: 'edges_full',
  // Displaced, and told again with the next record that names it: below.
  told_cgroups: 'told again',
  told_processes: 'told again',
  // Displaced, and said again: test/receivers/ebpf/spoken.test.ts, wants.test.ts.
  wants: 'handed over as if nothing had been said',
  spoken: 'told by its next bytes, as an older connection is',
  // Displaced, without a loss: bounds_displaced.test.ts.
  udp_released: 'its flows end when they are idle',
  own_flows: 'the other end of a connection of flowspan is told of',
  own_datagrams: 'the same of its datagrams',
  no_backlog: 'the counters of what it accepted tell',
  // A socket without room for it, counted: bounds_storage.test.ts.
  listeners: 'socket_storage_full: its drops are not told of',
  own_listeners: 'socket_marks_full: what flowspan accepts is told of',
  udp_owners: 'socket_marks_full: whose a flow is that was received first is not known',
  // Refused by the configuration, or written by the keeper for itself and its child.
  named_rules: 'an error of the configuration',
  cidr_rules: 'an error of the configuration',
  own: 'two processes',
  // A place for each that there can be.
  port_rules: 'a bit a port',
  counters: 'by enum counter',
  booked: 'by enum booked',
  conn_ids: 'one',
  readers: 'one',
  scratches: 'two',
}

function mapsOfSources(): string[] {
  const sources = globSync('*.h', { cwd: BPF }).map((name) => readFileSync(join(BPF, name), 'utf8'))
  return sources.flatMap((text) => [...text.matchAll(MAP)].map(([, name]) => name as string))
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

const EDGES = 8192
const EDGE_BYTES = 96

/** All of them somebody's, and looked at `agoMs` ago. */
function fillEdges({ object }: Kernel, agoMs: number): void {
  const [seconds, nanoseconds] = process.hrtime()
  const value = new BigUint64Array(EDGE_BYTES / 8)
  value[0] = 1n
  value[1] = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds) - BigInt(agoMs) * 1_000_000n
  for (let slot = 0; slot < EDGES; slot++) {
    object.updateElem('edges', u32(slot), new Uint8Array(value.buffer))
  }
}

/** Answers what it reads first, on one connection after the other. */
const ECHO = `
import socket
listener = socket.create_server(('127.0.0.1', 0))
print('port', listener.getsockname()[1])
while True:
    end, _ = listener.accept()
    end.sendall(end.recv(100))
    end.close()
`

test('of each map it is known what becomes of what is beyond its bound', () => {
  assert.deepEqual(mapsOfSources().sort(), Object.keys(BEYOND).sort())
})

suite('bounds', { skip: SKIP }, () => {
  test('segments of edges that find no room are counted, until one that is quiet gives way', async () => {
    const kernel = await Kernel.open({ requests: false, eyes: EYES })
    try {
      const full = () => kernel.counters.read(COUNTER.COUNTER_EDGES_FULL)
      await sockets('client_closes_first')
      const before = full()
      fillEdges(kernel, 0)
      await sockets('client_closes_first')
      assert.ok(full() > before, `${full()}`)
      fillEdges(kernel, 61_000)
      const counted = full()
      await sockets('client_closes_first')
      assert.equal(full(), counted)
    } finally {
      kernel.close()
    }
  })

  test('flows of UDP are followed again when others have ended', async () => {
    const udp = { ...CONFIG.udp, flowsMax: 4 }
    const kernel = await Kernel.open({ requests: false, udp })
    try {
      const lost = () => kernel.counters.read(COUNTER.COUNTER_UDP_LOST_FLOWS)
      await datagrams('crowd', { count: 50 })
      assert.ok(lost() >= 200 - 4 * 2)
      // Others of this host may have taken the places that are free again.
      const isTold = (client_port: number) => {
        kernel.drain()
        const isIts = (one: UdpFlow) => one.local_port === client_port && one.datagrams_sent === 1
        return kernel.udp.some((one) => isIts(one) && one.state === CONN_STATE.CONN_CLOSED)
      }
      const echoes: number[] = []
      const isFollowed = async () => {
        const { client_port } = await datagrams('echo', { count: 1 })
        echoes.push(client_port)
        return echoes.some(isTold)
      }
      await waitFor('a flow that is followed', isFollowed, { timeoutMs: 30_000 })
    } finally {
      kernel.close()
    }
  })

  test('a process that is pushed out is told of again', async () => {
    const kernel = await Kernel.open({ requests: false })
    try {
      const program = new Program(['python3', '-u', '-c', ECHO])
      const [, port = ''] = await program.line(/port (\d+)/)
      const visit = () => sockets('visit', { options: { to: '127.0.0.1', port, up: 5 } })
      const told = async () => {
        await visit()
        kernel.drain()
        const { RECORD_PROCESS } = RECORD_TYPE
        return kernel.identities.filter(
          (one) => one.type === RECORD_PROCESS && one.pid === program.pid,
        ).length
      }
      const before = [await told(), await told()]
      // As it is when others have been met since: the map is LRU.
      kernel.object.deleteElem('told_processes', u32(program.pid))
      const after = await told()
      await program.stop()
      assert.deepEqual([...before, after], [1, 1, 2])
    } finally {
      kernel.close()
    }
  })

  test('a socket has room for storage again when the limit allows', {
    skip: skipUnless(missingForShop()),
  }, async () => {
    const kernel = await Kernel.open({ requests: false })
    const network = new Network()
    try {
      const pod = network.pod('full')
      const within = (line: readonly string[]) => inPod(pod, line)
      const limit = (bytes: number) =>
        command(
          ...(within(['sh', '-c', `echo ${bytes} >/proc/sys/net/core/optmem_max`]) as [string]),
        )
      const lost = () => kernel.counters.read(COUNTER.COUNTER_CONN_LOST_STORAGE)
      limit(64)
      await sockets('many', { options: { count: 5 }, within })
      assert.ok(lost() >= 10)
      limit(131_072)
      const counted = lost()
      await sockets('many', { options: { count: 5 }, within })
      await kernel.balance()
      assert.equal(lost(), counted)
      const opened = kernel.connections.filter(
        ({ netns, state }) => netns === pod.inode && state === CONN_STATE.CONN_OPEN,
      )
      assert.equal(opened.length, 10)
    } finally {
      network.close()
      kernel.close()
    }
  })
})
