/**
 * What an exchange costs in the kernel, by what the connection speaks: nanoseconds of the payload
 * programs (kernel.bpf_stats_enabled, here alone) while real programs make a fixed number of them
 * over loopback, both ends on this host. The least of a few rounds; what programs do to connect,
 * and their first questions, is in it.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { freePorts } from '../test/kit/ports.ts'
import { HOST, LOADS, type Load } from './exchange_loads.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel, type PayloadCost } from './measured_kernel.ts'
import { withBpfStats } from './overhead/processes.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
const run = promisify(execFile)

/** Of one exchange, both ends together. */
async function round({ exchanges, command }: Load, port: number): Promise<PayloadCost> {
  const kernel = new MeasuredKernel()
  const before = kernel.payload()
  const [program, ...args] = command(port)
  await run(program, args, { maxBuffer: 8 << 20 })
  const after = kernel.payload()
  kernel.close()
  return {
    ns: (after.ns - before.ns) / exchanges,
    runs: (after.runs - before.runs) / exchanges,
    records: (after.records - before.records) / exchanges,
  }
}

await withBpfStats(async () => {
  console.log(`# Exchanges in the kernel\n\n${describeMachine()}\n`)
  console.log('| exchange, both ends | ns | most | runs | records |\n|---|---|---|---|---|')
  for (const load of LOADS) {
    const [port] = (await freePorts(1)) as [number]
    const server = await load.serve(port)
    const costs: PayloadCost[] = []
    try {
      for (let i = 0; i < ROUNDS; i++) costs.push(await round(load, port))
    } finally {
      await server.stop()
    }
    costs.sort((a, b) => a.ns - b.ns)
    const [least, most] = [costs[0] as PayloadCost, costs.at(-1) as PayloadCost]
    const ns = `${Math.round(least.ns)} | ${Math.round(most.ns)}`
    console.log(`| ${load.name} | ${ns} | ${least.runs.toFixed(1)} | ${least.records.toFixed(1)} |`)
  }
})
console.log(`\nOf ${HOST}, the least and the most of ${ROUNDS} rounds.`)
