import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import type { Connection } from '../../../pipeline/requests/connection.ts'
import { beginExchange, type Exchange } from '../../../pipeline/requests/exchange.ts'
import { Identity } from '../../../pipeline/requests/identity.ts'
import { RowWriter } from '../../../pipeline/requests/rows.ts'
import { connectionOf } from './talk.ts'

const START = {
  startOffset: 0,
  startNs: 1,
  startPid: 1,
  startTid: 1,
  startSleeps: 0,
  startRetransmits: 0,
}
const CONNECTIONS = 3

function writerOf(rowsMax: number): { writer: RowWriter; batches: FlowBatch[] } {
  const batches: FlowBatch[] = []
  const full = (batch: FlowBatch) => batches.push(batch)
  const clock = { offset: [0, 0] as [number, number] }
  return { writer: new RowWriter({ rowsMax, clock, full, lossEpoch: () => 0 }), batches }
}

function exchangeOf(connection: Connection, more: { target: string; lookup: boolean }): Exchange {
  const flow = more.lookup ? { lo: 7, hi: 8 } : undefined
  const request = { protocol: 'http', method: 'GET', target: more.target, flow }
  return beginExchange(connection, { start: START, request, lossEpoch: 0 })
}

function identityOf(executable: string): Identity {
  return new Identity({ executable, containerId: 'c', podUid: 'u', systemdUnit: '' }, [3, 4])
}

/** What may become known of a connection. */
type News = Partial<Pick<Connection, 'pid' | 'comm' | 'identity' | 'connectUs' | 'flowLo'>>

const NEWS: fc.Arbitrary<News> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  fc.record({ pid: fc.nat({ max: 2 }) }),
  fc.record({ comm: fc.constantFrom('', 'curl', 'nginx') }),
  fc.record({ identity: fc.constantFrom(undefined, identityOf('/a'), identityOf('/b')) }),
  fc.record({ connectUs: fc.constantFrom(Number.NaN, 0, 5) }),
  fc.record({ flowLo: fc.nat({ max: 1 }) }),
)
const STEP = fc.record({
  of: fc.nat({ max: CONNECTIONS - 1 }),
  news: NEWS,
  target: fc.constantFrom('/', '/x'),
  lookup: fc.boolean(),
})

function linesOf({ writer, batches }: ReturnType<typeof writerOf>): string[] {
  const last = writer.take()
  const all = last === undefined ? batches : [...batches, last]
  return all.flatMap((batch) => {
    const line = flowLog(batch)
    return Array.from({ length: batch.rows }, (_, row) => line(row))
  })
}

test('a row says of its end what its connection says, whatever rows before it said', () => {
  fc.assert(
    fc.property(fc.array(STEP, { minLength: 1, maxLength: 30 }), (steps) => {
      const [known, anew] = [writerOf(8), writerOf(8)]
      const connections = Array.from({ length: CONNECTIONS }, () => connectionOf({}))
      for (const { of, news, ...more } of steps) {
        const connection = Object.assign(connections[of]!, news)
        known.writer.exchange(exchangeOf(connection, more))
        anew.writer.exchange(exchangeOf({ ...connection, written: undefined }, more))
      }
      assert.deepEqual(linesOf(known), linesOf(anew))
    }),
  )
})

test('rows of a connection have its first row of the batch, until more is known of its end', () => {
  const { writer } = writerOf(64)
  const [one, other] = [connectionOf({}), connectionOf({})]
  const write = (connection: Connection) =>
    writer.exchange(exchangeOf(connection, { target: '/', lookup: false }))
  for (const connection of [one, other, one, other]) write(connection)
  one.pid = 9
  for (const connection of [one, other, one]) write(connection)
  const batch = writer.take()!
  assert.deepEqual([...batch.firstOf.subarray(0, batch.rows)], [0, 1, 0, 1, 4, 1, 4])
  write(one)
  assert.equal(writer.take()?.firstOf[0], 0)
})
