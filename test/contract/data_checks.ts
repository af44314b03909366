/** What the contract says of data: outcomes, ownership, books. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, Signal } from '../../pipeline/component.ts'
import { copyOf } from '../../pipeline/data.ts'
import { OK, permanent, retryable } from '../../pipeline/outcome.ts'
import { sum } from '../../pipeline/telemetry/books.ts'
import type { Bench } from './bench.ts'
import type { Check } from './check.ts'
import { type Data, digest, empties, hostile, malformed, plain } from './data.ts'
import type { Rig } from './rig.ts'
import type { Subject } from './subjects.ts'

const BATCHES = 5
const AT_ONCE = 32
const takesData = (subject: Subject) => subject.takes !== undefined
const passesOn = ({ kind }: Subject) => kind === 'processor' || kind === 'connector'
/** What passes items on as they are: nothing may be missing at the end. */
const keepsItems = ({ kind }: Subject) => kind === 'processor'

function batches({ subject }: Bench, count = BATCHES): Data[] {
  return Array.from({ length: count }, () => plain(subject.takes as Signal))
}

/** Offers a batch again until it is taken, as a sender does who is told that it may. */
async function giveUntilTaken(rig: Rig, data: Data): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const outcome = await rig.give(data)
    if (outcome.kind === 'ok') return
    assert.equal(outcome.kind, 'retryable', `refused for good: ${outcome.reason}`)
    await sleep(Math.min(outcome.afterMs ?? 20, 50))
  }
  assert.fail('never taken, though `next` takes everything by now')
}

/** After shutdown nothing is inside, and the books hold. */
async function end(rig: Rig): Promise<void> {
  await rig.shutdown()
  assert.equal(rig.held(), 0, 'something is held after shutdown')
  rig.assertBalanced()
}

export const DATA_CHECKS: readonly Check[] = [
  {
    name: 'the books balance when data went through, and after shutdown',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      for (const data of batches(bench)) await rig.give(data)
      await rig.rest()
      await end(rig)
      assert.ok(rig.given > 0, 'nothing was taken')
      if (keepsItems(bench.subject)) assert.equal(rig.passed, rig.given)
    },
  },
  {
    name: 'shutdown hands on what is inside',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      rig.answer = async () => {
        await sleep(20)
        return OK
      }
      const given = batches(bench).map((data) => rig.give(data))
      // Taken, or still on its way in: what comes later is another check.
      await Promise.race([Promise.all(given), sleep(30)])
      await rig.shutdown()
      await Promise.all(given)
      await end(rig)
      if (keepsItems(bench.subject)) assert.deepEqual(rig.book().lost, {})
    },
  },
  {
    name: 'what `next` refuses for now is neither lost nor sent twice',
    holdsFor: passesOn,
    async run(bench) {
      const rig = await bench.run()
      let refusals = 0
      rig.answer = () => (refusals++ < 3 ? retryable('contract: not now', 10) : OK)
      for (const data of batches(bench)) await giveUntilTaken(rig, data)
      await end(rig)
      assert.equal(sum(rig.book().lost), 0, JSON.stringify(rig.book().lost))
      if (keepsItems(bench.subject)) assert.equal(rig.passed, rig.given)
    },
  },
  {
    name: 'what `next` refuses for good is given back or counted',
    holdsFor: passesOn,
    async run(bench) {
      const rig = await bench.run()
      rig.answer = () => permanent('contract: never')
      for (const data of batches(bench)) await rig.give(data)
      await end(rig)
      assert.equal(rig.passed, 0)
    },
  },
  {
    name: 'past the deadline it waits for nothing, and counts what it held',
    holdsFor: takesData,
    async run(bench) {
      const { stuck, config } = bench.prepared
      const rig = await bench.run(stuck ?? config)
      rig.answer = () => retryable('contract: never')
      for (const data of batches(bench)) await rig.give(data)
      await rig.shutdownInTime()
      await end(rig)
      if (stuck !== undefined) assert.equal(sum(rig.book().lost), rig.given)
    },
  },
  {
    name: 'data that it says it does not change stays as it was',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      if ((rig.component as Partial<Consumer>).mutates !== true) {
        const signal = bench.subject.takes as Signal
        const given = [...batches(bench), ...hostile(signal), ...empties(signal)]
        const before = given.map(digest)
        for (const data of given) await rig.give(data)
        await rig.rest()
        await rig.shutdown()
        assert.deepEqual(given.map(digest), before)
      }
      await end(rig)
    },
  },
  {
    name: 'it keeps nothing of data that it has refused',
    holdsFor: passesOn,
    async run(bench) {
      const rig = await bench.run()
      rig.answer = () => retryable('contract: not now')
      const refused: Data[] = []
      for (const data of batches(bench)) {
        const copy = copyOf(data)
        if ((await rig.give(data)).kind !== 'ok') refused.push(copy)
      }
      rig.answer = () => OK
      for (const data of refused) await giveUntilTaken(rig, data)
      await end(rig)
      if (keepsItems(bench.subject)) assert.equal(rig.passed, rig.given)
    },
  },
  {
    name: 'after shutdown it answers, and what it then takes is counted',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      await rig.shutdown()
      for (const data of batches(bench)) await rig.give(data)
      await end(rig)
    },
  },
  {
    name: 'batches that are given at once are all answered',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      rig.answer = async () => {
        await sleep(1)
        return OK
      }
      await Promise.all(batches(bench, AT_ONCE).map((data) => rig.give(data)))
      await rig.rest()
      await end(rig)
      if (keepsItems(bench.subject)) assert.equal(rig.passed, rig.given)
    },
  },
  {
    name: 'a batch without items is taken, and counts for nothing',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      for (const data of empties(bench.subject.takes as Signal)) {
        assert.equal((await rig.give(data)).kind, 'ok')
      }
      await end(rig)
      const { in: taken, out, lost, used } = rig.book()
      assert.deepEqual([taken, out, sum(lost), sum(used)], [0, 0, 0, 0])
    },
  },
  {
    name: 'data that is valid and hostile is answered, and accounted for',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.run()
      for (const data of hostile(bench.subject.takes as Signal)) {
        assert.equal((await rig.give(data)).kind, 'ok')
      }
      await end(rig)
      if (keepsItems(bench.subject)) assert.equal(rig.passed, rig.given)
    },
  },
  {
    name: 'bytes that are no OTLP are answered, and accounted for',
    holdsFor: (subject) => takesData(subject) && subject.takes !== 'flows',
    async run(bench) {
      const rig = await bench.run()
      for (const data of malformed(bench.subject.takes as Signal)) await rig.give(data)
      // One such batch does not spoil the next.
      for (const data of batches(bench)) await giveUntilTaken(rig, data)
      await end(rig)
    },
  },
  {
    name: '`refusal` tells of a refusal that would pass, or of none',
    holdsFor: takesData,
    async run(bench) {
      const rig = await bench.make()
      const consumer = rig.component as Partial<Consumer>
      const ask = () => {
        const refusal = consumer.refusal?.()
        if (refusal === undefined) return
        assert.equal(refusal.kind, 'retryable')
        assert.match(refusal.reason, /\S/)
      }
      ask()
      await rig.start(bench.host)
      ask()
      await rig.give(plain(bench.subject.takes as Signal))
      ask()
      await end(rig)
      ask()
    },
  },
]
