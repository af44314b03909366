/**
 * What an exchange costs in the kernel, by what the connection speaks: nanoseconds of the payload
 * programs (kernel.bpf_stats_enabled, here alone) while real programs make a fixed number of them
 * over loopback, both ends on this host. The least of a few rounds; what programs do to connect,
 * and their first questions, is in it.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { COUNTER } from '../pipeline/kernel_events/events.gen.ts'
import { freePorts } from '../test/kit/ports.ts'
import { HOST, LOADS, type Load } from './exchange_loads.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel, withStats } from './measured_kernel.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
const PROGRAMS = ['received', 'sent']
const run = promisify(execFile)

interface Cost {
  readonly ns: number
  readonly runs: number
  readonly records: number
}

function read({ object, counters }: MeasuredKernel): Cost {
  const stats = PROGRAMS.map((program) => object.stats(program))
  return {
    ns: stats.reduce((sum, { runNs }) => sum + runNs, 0),
    runs: stats.reduce((sum, { runs }) => sum + runs, 0),
    records: counters.read(COUNTER.COUNTER_PAYLOAD_EVENTS),
  }
}

/** Of one exchange, both ends together. */
async function round({ exchanges, command }: Load, port: number): Promise<Cost> {
  const kernel = new MeasuredKernel()
  const before = read(kernel)
  const [program, ...args] = command(port)
  await run(program, args, { maxBuffer: 8 << 20 })
  const after = read(kernel)
  kernel.close()
  return {
    ns: (after.ns - before.ns) / exchanges,
    runs: (after.runs - before.runs) / exchanges,
    records: (after.records - before.records) / exchanges,
  }
}

await withStats(async () => {
  console.log(`# Exchanges in the kernel\n\n${describeMachine()}\n`)
  console.log('| exchange, both ends | ns | most | runs | records |\n|---|---|---|---|---|')
  for (const load of LOADS) {
    const [port] = (await freePorts(1)) as [number]
    const server = await load.serve(port)
    const costs: Cost[] = []
    try {
      for (let i = 0; i < ROUNDS; i++) costs.push(await round(load, port))
    } finally {
      await server.stop()
    }
    costs.sort((a, b) => a.ns - b.ns)
    const [least, most] = [costs[0] as Cost, costs.at(-1) as Cost]
    const ns = `${Math.round(least.ns)} | ${Math.round(most.ns)}`
    console.log(`| ${load.name} | ${ns} | ${least.runs.toFixed(1)} | ${least.records.toFixed(1)} |`)
  }
})
console.log(`\nOf ${HOST}, the least and the most of ${ROUNDS} rounds.`)
