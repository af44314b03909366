/**
 * Numbered requests in six protocols, each on a connection that asks one after the other and on one
 * that has three under way at any time; remembers all of each.
 *
 *     talkers.ts serve PORT                          a gRPC server
 *     talkers.ts talk HOST LOG '{"redis":6379,…}'    on SIGUSR2 it finishes, and prints `done N`
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { GrpcTalker, serveGrpc } from './talkers/grpc.ts'
import { PROTOCOLS } from './talkers/protocols.ts'
import { Talker, type Told } from './talkers/talker.ts'

process.title = 'talkers'

const AT_ONCE = 3
const PAUSE_MS = 10
/** Who pipelines is silent for so long after so many requests. */
const REST_MS = 1200
const REST_EVERY = 60

const told: Told[] = []
const made: { port: number; bytesSent: number; bytesReceived: number; requests: number }[] = []
let last = 0
let isOver = false
process.on('SIGUSR2', () => {
  isOver = true
})

async function one(talker: Talker, isPipelined: boolean): Promise<void> {
  const id = ++last
  const { protocol, port } = talker
  const { bytes, error } = protocol.request(id)
  const startMs = Date.now()
  talker.write(bytes)
  const responseBytes = await turn(talker)
  const of = { protocol: protocol.name, id, port, error, isPipelined }
  told.push({ ...of, requestBytes: bytes.length, responseBytes, startMs, endMs: Date.now() })
}

const turns = new WeakMap<Talker, Promise<unknown>>()

/** Answers are read in the order of requests. */
function turn(talker: Talker): Promise<number> {
  const mine = (turns.get(talker) ?? Promise.resolve()).then(() => talker.answer())
  turns.set(talker, mine)
  return mine
}

/** Three tasks on one connection, none of which waits for another, until they rest. */
async function pipeline(talker: Talker): Promise<void> {
  while (!isOver) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let i = 0; i < REST_EVERY / AT_ONCE && !isOver; i++) {
          await one(talker, true)
          await sleep(Math.random() * PAUSE_MS)
        }
      }),
    )
    for (let restMs = 0; restMs < REST_MS && !isOver; restMs += 50) await sleep(50)
  }
}

async function sequence(talker: Talker): Promise<void> {
  while (!isOver) {
    await one(talker, false)
    await sleep(PAUSE_MS)
  }
}

async function call(talker: GrpcTalker): Promise<void> {
  while (!isOver) {
    const id = ++last
    const startMs = Date.now()
    const status = await talker.call(id)
    const of = { protocol: 'grpc', id, port: talker.port, isPipelined: true }
    const bytes = { requestBytes: 0, responseBytes: 0 }
    told.push({ ...of, ...bytes, error: `${status}`, startMs, endMs: Date.now() })
    await sleep(PAUSE_MS)
  }
}

async function talk(host: string, ports: Readonly<Record<string, number>>): Promise<void> {
  const over: Promise<void>[] = []
  for (const protocol of PROTOCOLS) {
    const port = ports[protocol.name]
    if (port === undefined) continue
    for (const way of [sequence, pipeline]) {
      const talker = await Talker.open(protocol, host, port)
      over.push(
        way(talker).then(async () => {
          made.push({ port: talker.port, requests: 0, ...(await talker.end()) })
        }),
      )
    }
  }
  if (ports.grpc !== undefined) {
    const talker = new GrpcTalker(host, ports.grpc)
    const tasks = Array.from({ length: AT_ONCE }, () => call(talker))
    over.push(Promise.all(tasks).then(() => talker.end()))
  }
  console.log('talks')
  await Promise.all(over)
}

const [what, ...rest] = process.argv.slice(2)
if (what === 'serve') serveGrpc(Number(rest[0]))
else {
  const [host, log, ports] = rest as [string, string, string]
  await talk(host, JSON.parse(ports))
  writeFileSync(log, JSON.stringify({ told, made }))
  console.log(`done ${told.length}`)
  process.exit(0)
}
