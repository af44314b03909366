/** Exchanges that become others: nothing of a row may be what another has left behind. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import { beginExchange, type Exchange } from '../../../pipeline/requests/exchange.ts'
import { Piece } from '../../../pipeline/requests/http1/piece.ts'
import { RowWriter } from '../../../pipeline/requests/rows.ts'
import { SpareExchanges } from '../../../pipeline/requests/spare_exchanges.ts'
import { RequestTracker } from '../../../pipeline/requests/tracker.ts'
import { requestOf, Turns } from '../../../pipeline/requests/turns.ts'
import { settingsOf } from '../surroundings.ts'
import { connectionOf } from './talk.ts'

const CONFIG = {
  query: 'redact',
  dnsTimeoutNs: 10e9,
  pipelinedMax: 8,
  exchangesMax: 6,
  openAfterNs: 50,
  openAgainNs: 100,
} as const
const TRACE = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
const REQUESTS = [
  'GET /a HTTP/1.1\r\nHost: one\r\n\r\n',
  `GET /b?x=1 HTTP/1.1\r\nHost: other\r\ntraceparent: ${TRACE}\r\n\r\n`,
  'POST /c HTTP/1.0\r\nContent-Length: 3\r\n\r\n',
]
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 503 No\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nand so on',
]
const STEP = fc.record({
  of: fc.nat({ max: 3 }),
  /** Not what its turn was. */
  isOdd: fc.constantFrom(false, false, false, false, false, false, false, false, true),
  text: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, -1),
  tid: fc.integer({ min: 1, max: 2 }),
  slept: fc.boolean(),
  gap: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5),
})
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

function exchangeOf(spare?: Exchange): Exchange {
  const start = { startOffset: 0, startNs: 1, startPid: 1, startTid: 1, startSleeps: 0 }
  return beginExchange(connectionOf({}), {
    start: { ...start, startRetransmits: 0 },
    request: { protocol: 'http', method: 'GET' },
    lossEpoch: 0,
    spare,
  })
}

/** Two connections of clients, two that the same process has accepted. */
function linesOf(steps: readonly Step[]): string[] {
  const lines: string[] = []
  const take = (batch: FlowBatch | undefined) => {
    for (let row = 0; row < (batch?.rows ?? 0); row++) lines.push(flowLog(batch!)(row))
  }
  const lossEpoch = () => 0
  const rows = new RowWriter({ rowsMax: 4, clock: { offset: [0, 0] }, lossEpoch, full: take })
  const { ledger } = settingsOf()
  const settings = { ledger, rows, lossEpoch, losing: () => false, threadsKnown: true }
  const tracker = new RequestTracker(CONFIG, settings)
  const ends = ['client', 'server', 'client', 'server'] as const
  const connections = ends.map((role, i) => connectionOf({ role, port: 8000 + i }))
  const offsets = connections.map(() => [0, 0])
  const asked = connections.map(() => false)
  const sleeps = [0, 0, 0]
  for (const [i, { of, isOdd, text, tid, slept, gap }] of steps.entries()) {
    const isRequest = asked[of] === isOdd
    asked[of] = isRequest
    const said = (isRequest ? REQUESTS : RESPONSES)[text] ?? 'abc'
    const offset = offsets[of] as number[]
    const piece = Object.assign(new Piece(), { pid: 7, tid, timeNs: 1000 + 10 * i })
    piece.sent = isRequest === (ends[of] === 'client')
    piece.bytes = Buffer.from(`        ${said}`)
    piece.at = 8
    piece.offset = offset[+isRequest]! + gap
    piece.length = piece.captured = said.length
    piece.tailEnd = piece.bytes.length
    if (slept) sleeps[tid]!++
    piece.sleeps = sleeps[tid]!
    offset[+isRequest] = piece.offset + piece.length
    tracker.conversationOf(connections[of]!).feed(piece)
    tracker.bound()
    if (i % 8 === 7) tracker.sweep(piece.timeNs)
  }
  tracker.stop(1e6, 1)
  take(rows.take())
  return lines
}

test('rows are the same as those of exchanges that have been no others', (t: TestContext) => {
  let again = 0
  const { take } = SpareExchanges.prototype
  fc.assert(
    fc.property(fc.array(STEP, { minLength: 60, maxLength: 150 }), (steps) => {
      const counted = t.mock.method(
        SpareExchanges.prototype,
        'take',
        function (this: SpareExchanges) {
          const spare = take.call(this)
          if (spare !== undefined) again++
          return spare
        },
      )
      const known = linesOf(steps)
      counted.mock.restore()
      const none = t.mock.method(SpareExchanges.prototype, 'take', () => undefined)
      const anew = linesOf(steps)
      none.mock.restore()
      assert.deepEqual(known, anew)
    }),
    { numRuns: 150 },
  )
  assert(again > 300, `${again} exchanges had been others`)
})

test('an exchange becomes another when its piece is handled and no call names it', () => {
  const spare = new SpareExchanges()
  const [cause, call] = [exchangeOf(), exchangeOf()]
  call.cause = cause
  cause.named++
  spare.ended(cause)
  assert.equal(spare.take(), undefined)
  spare.settle()
  assert.equal(spare.take(), undefined)
  spare.ended(call)
  spare.settle()
  assert.deepEqual(new Set([spare.take(), spare.take()]), new Set([cause, call]))
  assert.equal(spare.take(), undefined)
})

test('what a thread has turned to is not the request that it has become', () => {
  const turns = new Turns()
  const before = exchangeOf()
  turns.turn(new Piece(), before, before.connection)
  assert.equal(requestOf(turns.last!), before)
  const after = exchangeOf(before)
  assert.equal(after, before)
  assert.equal(requestOf(turns.last!), undefined)
})
