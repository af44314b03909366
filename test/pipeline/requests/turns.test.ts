/** A thread's turns against a list of all of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { beginExchange, type Exchange } from '../../../pipeline/requests/exchange.ts'
import { Piece } from '../../../pipeline/requests/piece.ts'
import { type Turn, Turns } from '../../../pipeline/requests/turns.ts'
import { connectionOf } from './talk.ts'

const CONNECTION = connectionOf({ role: 'server' })
const REMEMBERED = 256

function exchange(startNs: number): Exchange {
  const start = { startOffset: 0, startNs, startPid: 1, startTid: 1 }
  return beginExchange(CONNECTION, {
    start: { ...start, startSleeps: 0, startRetransmits: 0 },
    request: { protocol: 'http', method: 'GET' },
    lossEpoch: 0,
  })
}

const EXCHANGES = [exchange(1), exchange(2), undefined]
const STEP = fc.record({
  does: fc.constantFrom('turn', 'turn', 'turn', 'burst', 'stay', 'clear'),
  to: fc.constantFrom(...EXCHANGES),
  slept: fc.boolean(),
})

/** What is to be remembered, oldest first. */
class Model {
  turns: Turn[] = []
  #sleeps: number | undefined

  turn({ timeNs, sleeps }: Piece, to: Exchange | undefined): void {
    const woke = this.#sleeps !== undefined && this.#sleeps !== sleeps
    this.#sleeps = sleeps
    const last = this.turns.at(-1)
    if (last !== undefined && last.to === undefined && to === undefined && !woke) return
    this.turns.push({ timeNs, sleeps, to, connection: CONNECTION, woke })
  }

  stay({ sleeps }: Piece): void {
    this.#sleeps = sleeps
  }

  clear(): void {
    this.turns = []
    this.#sleeps = undefined
  }
}

test('the last turns are remembered in order, and none of those before all was forgotten', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60 }), fc.nat({ max: 600 }), (steps, back) => {
      const [turns, model, piece] = [new Turns(), new Model(), new Piece()]
      for (const { does, to, slept } of steps) {
        if (does === 'clear') {
          turns.clear()
          model.clear()
        }
        for (let i = does === 'burst' ? 100 : 1; i > 0; i--) {
          piece.timeNs++
          if (slept) piece.sleeps++
          if (does === 'stay') {
            turns.stay(piece)
            model.stay(piece)
          } else if (does !== 'clear') {
            turns.turn(piece, to, CONNECTION)
            model.turn(piece, to)
          }
        }
        const remembered = model.turns.slice(-REMEMBERED)
        const timeNs = piece.timeNs - back
        assert.deepEqual(turns.last, remembered.at(-1))
        assert.deepEqual(
          turns.at(timeNs),
          remembered.findLast((turn) => turn.timeNs <= timeNs),
        )
      }
    }),
  )
})
