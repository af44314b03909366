/** What the contract says of beginning and end. */
import assert from 'node:assert/strict'
import type { Host } from '../../pipeline/component.ts'
import type { Bench } from './bench.ts'
import type { Check } from './check.ts'
import { plain } from './data.ts'
import { Leaks } from './leaks.ts'
import type { Rig } from './rig.ts'

const always = () => true

/** Gives a running component something to do, where it takes anything. */
async function use({ subject }: Bench, rig: Rig): Promise<void> {
  if (subject.takes === undefined) return
  for (let i = 0; i < 3; i++) await rig.give(plain(subject.takes))
}

/** A deadline that does not come: a bound that the component would set itself would still run. */
function timeEnough(): AbortSignal {
  return new AbortController().signal
}

/** Nothing of the service is there: a component that asks for anything fails. */
function barren(host: Host): Host {
  return {
    ...host,
    extension: () => undefined,
    listen: async (endpoint) => {
      throw new Error(`cannot listen on ${endpoint}: the address is in use`)
    },
  }
}

export const LIFECYCLE_CHECKS: readonly Check[] = [
  {
    name: 'shutdown is safe without start, and twice',
    holdsFor: always,
    async run(bench) {
      const rig = await bench.make()
      await rig.shutdown()
      await rig.shutdown()
      assert.equal(rig.held(), 0)
    },
  },
  {
    name: 'shutdown is safe twice after a start',
    holdsFor: always,
    async run(bench) {
      const rig = await bench.run()
      await use(bench, rig)
      await rig.shutdown()
      await rig.shutdown()
      assert.equal(rig.held(), 0)
    },
  },
  {
    name: 'shutdown is safe after a start that failed, and leaves nothing',
    holdsFor: always,
    async run(bench) {
      const { broken, config } = bench.prepared
      const leaks = new Leaks()
      const made = await bench.make(broken ?? config).catch((error: Error) => error)
      if (made instanceof Error) {
        assert.ok(broken !== undefined, made.message)
        assert.match(made.message, /\S/)
      } else {
        const failure = await made.start(barren(bench.host)).then(
          () => undefined,
          (error: Error) => error,
        )
        assert.ok(broken === undefined || failure !== undefined, 'a start that should fail did not')
        await made.shutdown(timeEnough())
        await made.shutdown(timeEnough())
      }
      await bench.close()
      assert.deepEqual(await leaks.end(bench.patienceMs), [])
    },
  },
  {
    name: 'after shutdown no timer, socket or file of it is left',
    holdsFor: always,
    async run(bench) {
      const leaks = new Leaks()
      const rig = await bench.run()
      await use(bench, rig)
      await rig.shutdown(timeEnough())
      await bench.close()
      assert.deepEqual(await leaks.end(bench.patienceMs), [])
    },
  },
  {
    name: '`held` can be asked at any time',
    holdsFor: always,
    async run(bench) {
      const rig = await bench.make()
      assert.equal(rig.held(), 0)
      await rig.start(bench.host)
      rig.held()
      const used = use(bench, rig)
      rig.held()
      await used
      const ended = rig.shutdown()
      rig.held()
      await ended
      assert.equal(rig.held(), 0)
    },
  },
  {
    name: 'two instances stand side by side, and the second goes on after the first',
    holdsFor: always,
    async run(bench) {
      const first = await bench.run()
      const second = await bench.run()
      await use(bench, first)
      await use(bench, second)
      await first.shutdown()
      await use(bench, second)
      await second.shutdown()
      if (bench.subject.kind === 'extension') return
      first.assertBalanced()
      second.assertBalanced()
    },
  },
  {
    name: 'a new config is declined, or taken over without a break',
    holdsFor: ({ kind }) => kind !== 'extension',
    async run(bench) {
      const rig = await bench.run()
      const decoded = bench.decoded()
      const apply = rig.component.reconfigure?.(decoded)
      await use(bench, rig)
      apply?.()
      await use(bench, rig)
      await rig.shutdown()
      rig.assertBalanced()
    },
  },
]
