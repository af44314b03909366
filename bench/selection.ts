/**
 * What selection costs in the kernel: nanoseconds a run of the programs (kernel.bpf_stats_enabled,
 * here alone), per connection and per read or write, for connections that are followed and that are
 * left out, by one rule of each kind; side by side in short slices, both ends on this host.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { erase, type Names, ruleBits, ruleEntries, turnTo, write } from '../receivers/ebpf/rules.ts'
import type { SelectionConfig, Selectors } from '../receivers/ebpf/selectors.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel } from './measured_kernel.ts'
import { withBpfStats } from './overhead/processes.ts'
import { median } from './statistics.ts'
import { startWrk, Web } from './web.ts'

const SLICES = Number(process.env.BENCH_SLICES ?? 12)
const SLICE_MS = 150
const NONE: Selectors = { netns: [], cgroup: [], ports: [], cidrs: [] }

function selection(include: Partial<Selectors>): SelectionConfig {
  return { include: { ...NONE, ...include }, exclude: NONE }
}

const CASES: readonly [string, SelectionConfig][] = [
  ['no rules: followed', selection({})],
  ['`ports`: followed', selection({ ports: ['1-65535'] })],
  ['`cidrs`: followed', selection({ cidrs: ['127.0.0.0/8'] })],
  ['`ports`: left out', selection({ ports: ['1'] })],
  ['`netns`: left out', selection({ netns: ['1'] })],
  ['`cidrs`: left out', selection({ cidrs: ['10.0.0.0/8'] })],
]

const NAMES: Names = { netns: new Map([['1', 1n]]), cgroup: new Map() }

type Costs = { readonly connection: number[]; readonly piece: number[] }

/** Requests on connections of their own: states and pieces alike. */
async function run(): Promise<void> {
  const kernel = new MeasuredKernel()
  const web = await Web.start()
  const costs = new Map<string, Costs>(CASES.map(([name]) => [name, { connection: [], piece: [] }]))
  const wrk = startWrk(web.port, 3600, { close: true })
  try {
    await delay(500)
    for (let slice = 0; slice < SLICES; slice++) {
      for (const [name, wanted] of CASES) {
        const entries = ruleEntries(wanted, NAMES, 0)
        write(kernel.object, entries)
        turnTo(kernel.object, { set: 0, bits: ruleBits(wanted), change: slice })
        // Connections of the slice before end meanwhile.
        await delay(50)
        const before = read(kernel.object)
        await delay(SLICE_MS)
        const after = read(kernel.object)
        erase(kernel.object, entries)
        const cost = costs.get(name) as Costs
        cost.connection.push(
          (after.set.runNs - before.set.runNs) / (after.set.runs - before.set.runs),
        )
        cost.piece.push(
          (after.piece.runNs - before.piece.runNs) / (after.piece.runs - before.piece.runs),
        )
      }
    }
  } finally {
    wrk.kill('SIGTERM')
    await web.stop()
    kernel.close()
  }
  for (const [name, { connection, piece }] of costs) {
    console.log(`| ${name} | ${Math.round(median(connection))} | ${Math.round(median(piece))} |`)
  }
}

function read(object: MeasuredKernel['object']) {
  const [received, sent] = [object.stats('received'), object.stats('sent')]
  return {
    set: object.stats('set_state'),
    piece: { runs: received.runs + sent.runs, runNs: received.runNs + sent.runNs },
  }
}

await withBpfStats(async () => {
  console.log(`# Selection\n\n${describeMachine()}\n`)
  console.log(`Nanoseconds a run, medians of ${SLICES} slices of ${SLICE_MS} ms.\n`)
  console.log('| connections | `set_state` | `received` and `sent` |')
  console.log('|---|---|---|')
  await run()
})
