/** The part `streams`: both estimates of what a stream loses, as tables. */
import { type Estimate, percent } from '../statistics.ts'
import { Traced } from '../traced.ts'
import type { Kind, Shape } from './counted.ts'
import { type Hook, hooks } from './hooks.ts'
import { type StreamFigures, streamFigures } from './streams.ts'

const LOADS: readonly { kind: Kind; shape: Shape; name: string }[] = [
  { kind: 'bytes', shape: 'turns', name: 'bytes, one thread' },
  { kind: 'tls', shape: 'turns', name: 'TLS, one thread' },
  { kind: 'body', shape: 'turns', name: 'bodies of 32 MiB, one thread' },
  { kind: 'bytes', shape: 'ends', name: 'bytes, a CPU an end' },
  { kind: 'tls', shape: 'ends', name: 'TLS, a CPU an end' },
  { kind: 'body', shape: 'ends', name: 'bodies of 32 MiB, a CPU an end' },
  { kind: 'bytes', shape: 'paced', name: 'bytes, 300 MB/s' },
]
/** Where both ends are one thread slices are half as long. */
const ROUNDS_OF = { turns: 1, ends: 0.35, paced: 0.25 } as const satisfies Record<Shape, number>
const HOOK_TURNS = 0.8
const STATS_SLICES = 20

/** @param rounds turns of each mode, of loads in one thread */
export async function streamTables(rounds: number): Promise<void> {
  const traced = await Traced.start({
    requests: true,
    exporters: '{ nop: {} }',
    episodes: true,
  })
  traced.detach()
  try {
    const calls = await hooks(Math.ceil(rounds * HOOK_TURNS))
    const ns = ({ call, measured }: Hook) => {
      const [middle, low, high] = [call.median, call.low, call.high].map((each) => each.toFixed(1))
      return `${middle} (${low} … ${high}), measured as ${measured.toFixed(1)}`
    }
    console.log('## A program that does nothing: ns a call, with 95 % bounds\n')
    console.log(`Tracepoint ${ns(calls.tracing)}; cgroup ${ns(calls.cgroup)}\n`)
    const found: { name: string; figures: StreamFigures }[] = []
    for (const { kind, shape, name } of LOADS) {
      const options = { kind, shape, hooks: calls, statsSlices: STATS_SLICES }
      const ofShape = Math.ceil(rounds * ROUNDS_OF[shape])
      const figures = await streamFigures(traced, { ...options, rounds: ofShape })
      found.push({ name, figures })
    }
    printLosses(found)
    printShares(found)
  } finally {
    await traced.end()
  }
}

type Found = readonly { readonly name: string; readonly figures: StreamFigures }[]

function printLosses(found: Found): void {
  console.log('## A stream: work lost of as much CPU of both ends, by turns; 95 % bounds\n')
  console.log('| stream | MB/s, CPU ns/MB | programs | turns | lost of the CPU | of the time |')
  console.log('|---|---|---|---|---|---|')
  for (const { name, figures } of found) {
    const bare = `${Math.round(figures.mbPerSecond)}, ${Math.round(figures.nsPerMb)}`
    for (const { mode, turns, cpu, time } of figures.losses) {
      console.log(`| ${name} | ${bare} | ${mode} | ${turns} | ${bounds(cpu)} | ${bounds(time)} |`)
    }
  }
}

function printShares(found: Found): void {
  console.log('\n## The same by what ran: of the CPU of both ends\n')
  console.log('| stream | programs | runs/MB | ns/MB | measured share | corrected, at most |')
  console.log('|---|---|---|---|---|---|')
  for (const { name, figures } of found) {
    for (const { mode, runsPerMb, nsPerMb, share, atMost } of figures.shares) {
      const each = `${runsPerMb.toFixed(1)} | ${Math.round(nsPerMb)}`
      console.log(`| ${name} | ${mode} | ${each} | ${bounds(share)} | ${percent(atMost)} |`)
    }
  }
}

function bounds({ median, low, high }: Estimate): string {
  const [least, most] = low < high ? [low, high] : [high, low]
  return `${percent(median)} (${percent(least)} … ${percent(most)})`
}
