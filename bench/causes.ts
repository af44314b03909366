/**
 * How many causes are found, and how many of them are wrong, with real programs under concurrency.
 *
 * Every request has a number in its path, and so has the request that it causes. For each way of
 * asking (test/kit/apps/caller.ts) the programs are started anew, and asked for so many orders at a
 * time, one level after the other; `cold` has new programs that are asked for many at once from
 * their first request.
 *
 * A cell is correct/orphan/wrong. BENCH_REQUESTS: requests in a cell; BENCH_WAYS: ways, with `;`
 * between them.
 */
import { Chain, type Score, stitchedTo } from '../test/kit/chain.ts'
import { Flowspan } from '../test/kit/flowspan.ts'
import { describeMachine } from './machine.ts'

const REQUESTS = Number(process.env.BENCH_REQUESTS ?? 200)
const LEVELS = [1, 4, 16, 64]
const COLD = 16
const ROWS = 'rows.jsonl'
const WAYS = [
  'kept',
  'fresh',
  'fetch',
  'pool of 1',
  'pool of 4',
  'pool of 4, fresh',
  'limiter of 4',
  'limiter of 4, immediate',
  'immediate',
  'timer',
  'dns',
  'dns, kept',
  'database',
  'half database',
  'twice',
  'twice, pool of 4',
  'twice, limiter of 4',
  'twice, database between',
  'two at once',
  'three at once, pool of 4',
  'three at once, limiter of 4',
  'one and database, one',
  'pool',
]

interface Scored {
  readonly way: string
  /** For each level, and cold. */
  readonly scores: readonly { readonly nginx: Score; readonly caller: Score }[]
}

async function scoreOf(way: string): Promise<Scored> {
  const flowspan = await Flowspan.start(stitchedTo(ROWS))
  try {
    const warm = await askOf(way, LEVELS)
    const cold = await askOf(way, [COLD])
    const { lost, unaccounted } = await flowspan.stop()
    if (lost + unaccounted > 0) throw new Error(`${way}: ${lost} lost, ${unaccounted} unaccounted`)
    const rows = flowspan.rows(ROWS)
    const scores = LEVELS.map((clients) => warm.score(rows, nameOf(clients)))
    return { way, scores: [...scores, cold.score(rows, nameOf(COLD))] }
  } finally {
    await flowspan.kill()
    flowspan.clean()
  }
}

async function askOf(way: string, levels: readonly number[]): Promise<Chain> {
  const chain = await Chain.start(way)
  try {
    for (const clients of levels) await chain.ask(nameOf(clients), { requests: REQUESTS, clients })
    return chain
  } finally {
    await chain.stop()
  }
}

function nameOf(clients: number): string {
  return `of-${clients}`
}

function print(of: 'nginx' | 'caller', scored: readonly Scored[]): void {
  console.log(`\n## ${of}\n`)
  console.log(`| caller | ${LEVELS.join(' | ')} | cold ${COLD} |`)
  console.log(`|---|${'---|'.repeat(LEVELS.length + 1)}`)
  for (const { way, scores } of scored) {
    const cells = scores.map((score) => score[of])
    const text = cells.map(({ correct, orphan, wrong }) => `${correct}/${orphan}/${wrong}`)
    console.log(`| ${way} | ${text.join(' | ')} |`)
  }
}

console.log(`# Causes\n\n${describeMachine()}. ${REQUESTS} requests a cell.`)
console.log('Calls: correct/orphan/wrong, by requests at a time.')
const scored: Scored[] = []
for (const way of process.env.BENCH_WAYS?.split(';') ?? WAYS) scored.push(await scoreOf(way))
print('nginx', scored)
print('caller', scored)
