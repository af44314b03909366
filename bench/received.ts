/**
 * What the receiver takes from a record in the ring of payload to the row of its exchange, in a
 * loop, without the kernel: HTTP/1 on many kept connections at once, both ends of each.
 *
 *     received.ts [--against TREE]
 *
 * `--against` gives another tree the same records in turns. Short heads are next to nothing to
 * parse: what they take is the way of a record, its connection, and the exchange. Figures are the
 * median of rounds and the least of them, for noise only ever slows; ratios are of other to this.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { PIPELINE_NODE_OPTIONS } from '../cli/run.ts'
import { describeMachine } from './machine.ts'
import { median } from './statistics.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 30)
const WARM_ROUNDS = 10

const { values } = parseArgs({ options: { against: { type: 'string' } } })

interface Contender {
  readonly name: string
  /** Plays a load once more; answers nanoseconds a row. */
  play(load: string): Promise<number>
  end(): void
}

function contender(name: string, tree: string): Contender {
  const child = fork(join(import.meta.dirname, 'received/player.ts'), [tree], {
    execArgv: [...PIPELINE_NODE_OPTIONS],
  })
  return {
    name,
    async play(load) {
      child.send(load)
      const [ns] = await once(child, 'message')
      return ns as number
    },
    end: () => child.disconnect(),
  }
}

async function bench(load: string, all: readonly Contender[]): Promise<void> {
  const found = all.map((): number[] => [])
  for (let round = -WARM_ROUNDS; round < ROUNDS; round++) {
    for (const [i, each] of all.entries()) {
      const ns = await each.play(load)
      if (round >= 0) found[i]?.push(ns)
    }
  }
  const first = found[0] as number[]
  for (const [i, { name }] of all.entries()) {
    const mine = found[i] as number[]
    const ratio = median(mine.map((ns, round) => ns / (first[round] as number)))
    const least = Math.min(...mine)
    const ofLeast = least / Math.min(...first)
    const figures = [Math.round(median(mine)), Math.round(least), ratio.toFixed(2)]
    console.log(`| ${load} | ${name} | ${figures.join(' | ')} | ${ofLeast.toFixed(2)} |`)
  }
}

const here = join(import.meta.dirname, '..')
const all = [contender('this', here)]
if (values.against !== undefined) all.push(contender('other', resolve(values.against)))
console.log(`${describeMachine()}\n`)
console.log('| load | build | ns a row | least | ratio | of least |')
console.log('|---|---|---|---|---|---|')
for (const load of [
  'short heads',
  'usual heads',
  'short heads, calls',
  'short heads, a connection each',
])
  await bench(load, all)
for (const each of all) each.end()
