/** What the contract says of what comes in from outside. */
import assert from 'node:assert/strict'
import { OK, type Outcome, permanent, retryable } from '../../pipeline/outcome.ts'
import { waitFor } from '../kit/processes.ts'
import type { Bench } from './bench.ts'
import type { Check } from './check.ts'
import type { Rig } from './rig.ts'
import type { Subject } from './subjects.ts'

const isReceiver = ({ kind }: Subject) => kind === 'receiver'

async function offer({ prepared, addresses, subject }: Bench): Promise<number | undefined> {
  const entry = `test/contract/needs.ts does not say how data comes to ${subject.component}`
  assert.ok(prepared.offer, entry)
  return await prepared.offer(addresses)
}

/** Offers what comes from outside to a pipeline that answers so, until it has done that once. */
async function offerInVain(bench: Bench, answer: (before: number) => Outcome): Promise<Rig> {
  const rig = await bench.run()
  let answers = 0
  rig.answer = () => answer(answers++)
  await offer(bench).catch(() => undefined)
  await waitFor('a refusal', () => (answers > 0 ? true : undefined))
  return rig
}

async function end(rig: Rig): Promise<void> {
  await rig.shutdown()
  assert.equal(rig.held(), 0)
  rig.assertBalanced()
}

export const RECEIVER_CHECKS: readonly Check[] = [
  {
    name: 'what comes from outside is passed on, and in the books',
    holdsFor: isReceiver,
    async run(bench) {
      const rig = await bench.run()
      const items = await offer(bench)
      await waitFor('anything', () => (rig.passed >= (items ?? 1) ? true : undefined))
      await end(rig)
      if (items !== undefined) assert.equal(rig.passed, items)
    },
  },
  {
    name: 'what comes from outside and is refused for now is given back, held or counted',
    holdsFor: isReceiver,
    async run(bench) {
      const notNow = retryable('contract: not now', 10)
      await end(await offerInVain(bench, (before) => (before < 2 ? notNow : OK)))
    },
  },
  {
    name: 'what comes from outside and is refused for good is given back or counted',
    holdsFor: isReceiver,
    async run(bench) {
      const rig = await offerInVain(bench, () => permanent('contract: never'))
      await end(rig)
      assert.equal(rig.passed, 0)
    },
  },
  {
    name: 'what comes from outside does not keep it from ending when its time is over',
    holdsFor: isReceiver,
    async run(bench) {
      const rig = await offerInVain(bench, () => retryable('contract: never'))
      await rig.shutdownInTime()
      await end(rig)
    },
  },
]
