/**
 * Connections that are open while their reader is killed go on having rows, whatever they speak;
 * none of them says what was not, and whose answer is not known says so.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Told } from '../../../kit/apps/talkers/talker.ts'
import { missingForKafka } from '../../../kit/kafka.ts'
import { waitFor } from '../../../kit/processes.ts'
import { missingForShop, skipUnless } from '../../../kit/requirements.ts'
import type { Row } from '../script.ts'
import { isMarked, ROLES, textOf } from './compare.ts'
import { PORTS, startServers, type TalkLog } from './talkers.ts'
import { Watched } from './watched.ts'

const skip = skipUnless(missingForShop() ?? missingForKafka())
const KILLS = 2
/** One that asks in turn and one that pipelines of each of five, and one of gRPC. */
const CONNECTIONS = 11

/** Throws at a row that says what was not; gives rows by role and id. */
function rowsOf(rows: readonly Row[], { told }: TalkLog): Map<string, Row> {
  const byId = new Map(told.map((one) => [one.id, one]))
  const found = new Map<string, Row>()
  for (const row of rows) {
    const named = `${row.target} ${row.query}`
    const isNamed = /\bn:?(\d+)\b/.exec(named)
    const text = textOf(row)
    if (isNamed === null) {
      assert.ok(isMarked(row), `nobody's: ${text}`)
      continue
    }
    const one = byId.get(Number(isNamed[1]))
    assert.ok(one, `no such request: ${text}`)
    if (row.state !== 'closed') continue
    assertTrue(row, one)
    const key = `${row.role} ${one.id}`
    assert.ok(!found.has(key), `twice: ${text}`)
    found.set(key, row)
  }
  return found
}

function assertTrue(row: Row, one: Told): void {
  const text = `${textOf(row)} ${JSON.stringify(one)}`
  assert.equal(row.src_port, one.port, text)
  assert.equal(row.protocol, one.protocol, text)
  const failure = one.protocol === 'grpc' ? `${row.status}` : row.error
  const isWhole = !isMarked(row)
  if (isWhole) assert.equal(failure || undefined, one.error, text)
  // Half of it may be known, nothing else.
  else if (one.protocol !== 'grpc') assert.ok([one.error, ''].includes(String(failure)), text)
  // Where an answer ends nobody knows who has lost his place among several.
  if (one.requestBytes === 0 || (!isWhole && one.isPipelined)) return
  for (const column of ['requestBytes', 'responseBytes'] as const) {
    const said = Number(row[column === 'requestBytes' ? 'request_bytes' : 'response_bytes'])
    assert.ok(said === one[column] || (!isWhole && said < one[column]), `${column}: ${text}`)
  }
}

/** Rows of exchanges of these servers, as far as there are some. */
function exchangesOf(watched: Watched, namespaces: readonly number[]): Row[] {
  const ports = Object.values(PORTS) as number[]
  return watched.rows().filter((row) => {
    const isOurs = namespaces.includes(Number(row.netns)) && ports.includes(Number(row.dst_port))
    return isOurs && row.kind === 'exchange'
  })
}

/** Those that must be whole again soon after a kill; of the others requests have rows at least. */
const CERTAIN = ['redis', 'memcached', 'postgresql', 'mysql', 'kafka']
/** Who pipelines is silent for a second now and then, which is enough for these. */
const REST = ['redis', 'memcached']

/** Waits until each end of each connection has rows of requests since then, whole where it can. */
async function everybodyTalks(rows: () => Row[], sinceMs: number): Promise<void> {
  let seen = ''
  await waitFor(
    'rows of every connection',
    () => {
      const ends = new Map<string, { all: number; whole: number; protocol: string }>()
      for (const row of rows()) {
        const key = `${row.role} ${row.src_port}`
        const end = ends.get(key) ?? { all: 0, whole: 0, protocol: String(row.protocol) }
        ends.set(key, end)
        if (Number(row.start) / 1e6 < sinceMs) continue
        end.all++
        if (!isMarked(row)) end.whole++
      }
      seen = JSON.stringify([...ends])
      const isAll = [...ends.values()].every(({ all }) => all >= 5)
      const whole = (protocol: string) =>
        [...ends.values()].filter((end) => end.protocol === protocol && end.whole >= 3).length
      // Of each protocol both ends of the connection that asks in turn, at least.
      const isWhole = CERTAIN.every((one) => whole(one) >= (REST.includes(one) ? 4 : 2))
      return ends.size === 2 * CONNECTIONS && isAll && isWhole
    },
    { timeoutMs: 30_000 },
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${seen}`)
  })
}

/**
 * Of one end of a connection where nothing is in doubt: requests that are not whole stand together,
 * as many times as there were kills.
 */
function assertHoles(told: readonly Told[], found: (one: Told) => Row | undefined): void {
  const [first] = told
  // Of who pipelines a server may read several at once, of which not all is copied.
  const isSure = first?.isPipelined === false || first?.protocol === 'kafka'
  if (!isSure) return
  const isThere = (one: Told) => {
    const row = found(one)
    return row !== undefined && !isMarked(row)
  }
  let holes = 0
  told.forEach((one, at) => {
    const before = told[at - 1]
    if (!isThere(one) && (before === undefined || isThere(before))) holes++
  })
  assert.ok(holes <= KILLS, `${holes} holes: ${JSON.stringify(first)}`)
}

test('connections that are open while their reader is killed keep their rows', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const servers = await startServers(t)
  const options = { requests: { query: 'keep' }, connections: { interval: '1s' } }
  const watched = await Watched.start(options)
  t.after(() => watched.close())
  const rows = () => exchangesOf(watched, servers.namespaces)
  const talk = await servers.talk()
  await everybodyTalks(rows, 0)
  for (let kill = 0; kill < KILLS; kill++) {
    await watched.replace()
    await everybodyTalks(rows, watched.gaps.at(-1)?.toMs ?? 0)
  }
  const log = await talk.finish()
  const books = await watched.books()
  assert.equal(books.held, 0)
  const found = rowsOf(rows(), log)
  const connections = Map.groupBy(log.told, ({ port }) => port)
  assert.equal(connections.size, CONNECTIONS)
  for (const told of connections.values()) {
    told.sort((one, other) => one.startMs - other.startMs || one.id - other.id)
    for (const role of ROLES) assertHoles(told, ({ id }) => found.get(`${role} ${id}`))
  }
})
