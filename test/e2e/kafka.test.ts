/**
 * A real broker and two real clients, seen twice: by the kernel of the host, at both ends, and by
 * tcpdump in the broker's pod. Both must tell the same, and what the clients counted.
 */
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { CapturedPods } from '../kit/captured_pods.ts'
import { stitchedTo } from '../kit/chain.ts'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { missingForKafka, startKafka, talkInGo, talkToKafka } from '../kit/kafka.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop() ?? missingForKafka()), timeout: 240_000 }
const ROWS = 'rows.jsonl'
const SENT = 20
const UNANSWERED = 5
const BATCHED = 30
const BY_FRANZ = 10
const IDLE_MS = 1500
const WAIT_MS = 300
const CLIENTS_THAT_POLL = 3

const SCENES = [
  'topics',
  `send:${SENT}`,
  `sendUnanswered:${UNANSWERED}`,
  `sendBatch:${BATCHED}`,
  'sendTooLarge',
  'sendNowhere',
  'transact:2',
  `poll:${SENT + UNANSWERED + BATCHED}`,
  `idle:${IDLE_MS}`,
]

/** What both must agree on; times are those of different places. */
const TEXTS = ['protocol_version', 'method', 'target', 'query', 'namespace', 'error'] as const
const MORE = ['client_id', 'partition', 'messages', 'wait_max_ms', 'desynchronised', 'truncated']
const PLACE = ['flow_id', 'request_offset', 'request_bytes', 'response_bytes'] as const

function essence(row: Row): string {
  return [...TEXTS, ...MORE, ...PLACE].map((key) => `${key}=${row[key]}`).join(' ')
}

/** A client that leaves does not wait for what it has polled for. */
function isLeft({ method, response_bytes }: Row): boolean {
  return method === 'Fetch' && response_bytes === 0
}

function placeOf({ flow_id, request_offset }: Row): string {
  return `${flow_id} ${request_offset}`
}

function isCommitOf({ client_id, method }: Row, client: string): boolean {
  return client_id === client && method === 'OffsetCommit'
}

suite('a real Kafka', options, () => {
  let told: Awaited<ReturnType<typeof talkToKafka>>
  let captured: readonly Row[]
  let broker: readonly Row[]
  let clients: readonly Row[]

  before(async () => {
    const undo: (() => unknown)[] = []
    const pods = new CapturedPods()
    try {
      const server = await startKafka(pods)
      undo.unshift(() => server.stop())
      const flowspan = await Flowspan.start(stitchedTo(ROWS))
      undo.unshift(async () => {
        await flowspan.kill()
        flowspan.clean()
      })
      await pods.capture()
      told = await talkToKafka(pods, SCENES)
      const franz = await talkInGo(pods, { topic: 'payments', count: BY_FRANZ })
      assert.equal(franz.sent, BY_FRANZ)
      const from = (row: Row) =>
        row.protocol === 'kafka' && String(row.src).startsWith(`${pods.client.ipv4}:`)
      // Its rows are in the capture when the last of them is.
      await pods.exchanges(1, (row) => from(row) && isCommitOf(row, 'franz-reader'))
      const balance = await flowspan.stop()
      assert.deepEqual([balance.lost, balance.unaccounted], [0, 0])
      const rows = flowspan.rows(ROWS).filter((row) => row.kind === 'exchange' && from(row))
      const closed = rows.filter(({ state }) => state === 'closed')
      broker = closed.filter(({ netns }) => netns === pods.server.inode)
      clients = closed.filter(({ netns }) => netns === pods.client.inode)
      captured = await pods.exchanges(broker.length, from)
    } finally {
      for (const end of undo) await end()
      await pods.close()
    }
  })

  function of(client: string, method: string, rows = captured): readonly Row[] {
    return rows.filter((row) => row.client_id === client && row.method === method)
  }

  test('the kernel tells of the broker what a capture tells', () => {
    assert.deepEqual(broker.map(essence).sort(), captured.map(essence).sort())
  })

  test('both ends tell the same', () => {
    const left = new Set(clients.filter(isLeft).map(placeOf))
    assert.ok(left.size <= CLIENTS_THAT_POLL)
    const others = (rows: readonly Row[]) => rows.filter((row) => !left.has(placeOf(row)))
    assert.deepEqual(others(clients).map(essence).sort(), others(broker).map(essence).sort())
  })

  test('every request to send is told, with its topic, and lasts no longer than for its client', () => {
    const took = told.sender as readonly number[]
    for (const rows of [captured, broker, clients]) {
      const sent = of('sender', 'Produce', rows)
      assert.equal(sent.length, SENT)
      for (const [i, row] of sent.entries()) {
        assert.deepEqual([row.target, row.partition, row.messages], ['orders', '0', 1])
        assert.ok(Number(row.duration_us) * 1000 <= (took[i] as number))
        assert.ok(Number(row.response_bytes) > 0)
      }
      const unanswered = of('careless', 'Produce', rows)
      assert.equal(unanswered.length, UNANSWERED)
      assert.ok(unanswered.every((row) => row.target === 'orders' && row.response_bytes === 0))
    }
  })

  test('a request with several topics lists them', () => {
    const rows = of('batcher', 'Produce')
    const topics = new Set(rows.flatMap(({ target, query }) => String(target ?? query).split(', ')))
    assert.deepEqual(topics, new Set(['orders', 'payments']))
  })

  test('errors have the names that Kafka gives them', () => {
    const tooLarge = of('boaster', 'Produce').map(({ target, error }) => [target, error])
    assert.deepEqual(tooLarge, [['small', 'MESSAGE_TOO_LARGE']])
    assert.equal(told.tooLarge, '"RecordTooLargeException"'.replaceAll('"', ''))
    for (const [client, topic] of [
      ['lost', 'nowhere'],
      ['franz', 'nothing'],
    ] as const) {
      const asked = of(client, 'Metadata').filter(({ target }) => target === topic)
      assert.ok(asked.length > 0)
      assert.deepEqual(
        new Set(asked.map(({ error }) => error)),
        new Set(['UNKNOWN_TOPIC_OR_PARTITION']),
      )
    }
  })

  test('a member of a group polls its topic, and commits', () => {
    assert.equal(told.polled, SENT + UNANSWERED + BATCHED)
    const targets = of('reader', 'Fetch').map(({ target }) => target)
    // The last one only ends the session.
    assert.deepEqual(new Set(targets.slice(0, -1)), new Set(['orders']))
    const group = captured.filter(
      ({ client_id, method }) =>
        client_id === 'reader' && /Group$|^OffsetCommit$/.test(String(method)),
    )
    assert.deepEqual(new Set(group.map(({ namespace }) => namespace)), new Set(['billing']))
    assert.ok(group.some(({ method, target }) => method === 'OffsetCommit' && target === 'orders'))
  })

  test('a poll for what does not come is marked as one that may wait', () => {
    const polls = of('idler', 'Fetch')
    assert.ok(polls.every((row) => row.wait_max_ms === WAIT_MS))
    assert.ok(polls.some((row) => Number(row.duration_us) >= WAIT_MS * 900))
  })

  test('transactions end as often as they were begun', () => {
    const ends = of('banker', 'EndTxn').filter(({ error }) => error === undefined)
    assert.equal(ends.length, 2)
  })

  test('another client is understood as well', () => {
    const sent = of('franz', 'Produce')
    assert.equal(sent.length, BY_FRANZ)
    assert.ok(sent.every(({ target, messages }) => target === 'payments' && messages === 1))
    const polled = of('franz-reader', 'Fetch').filter(({ target }) => target === 'payments')
    assert.ok(polled.length > 0)
  })

  test('nothing is in doubt', () => {
    for (const rows of [captured, broker, clients]) {
      const doubts = rows.filter((row) => row.desynchronised || row.truncated)
      assert.deepEqual(
        doubts.filter((row) => !isLeft(row)),
        [],
      )
    }
  })
})
