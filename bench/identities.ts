/**
 * What a process and a cgroup that were not seen before cost in the kernel: nanoseconds of all
 * programs a connection (kernel.bpf_stats_enabled, here alone), by who makes it, in turn.
 */
import { join } from 'node:path'
import { cgroupRoot } from '../receivers/ebpf/cgroup.ts'
import { Program } from '../test/kit/processes.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel } from './measured_kernel.ts'
import { withBpfStats } from './overhead/processes.ts'
import { estimate } from './statistics.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 12)
const CONNECTIONS = 300
const SCRIPT = join(import.meta.dirname, 'sockets.py')
const PROGRAMS = ['set_state', 'received', 'sent']
const KINDS = ['process', 'fork', 'cgroup'] as const

async function costOf(kernel: MeasuredKernel, kind: (typeof KINDS)[number]): Promise<number> {
  const read = () => PROGRAMS.reduce((sum, name) => sum + kernel.object.stats(name).runNs, 0)
  const program = ['python3', '-u', SCRIPT, 'connect', kind, `${CONNECTIONS}`, `${cgroupRoot()}`]
  const before = read()
  await new Program(program as [string, ...string[]]).exited
  return (read() - before) / CONNECTIONS
}

await withBpfStats(async () => {
  console.log(`# Identities\n\n${describeMachine()}\n`)
  console.log(`Nanoseconds a connection, both ends; ${ROUNDS} rounds of ${CONNECTIONS}.\n`)
  const kernel = new MeasuredKernel()
  const rounds: Record<(typeof KINDS)[number], number>[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const [process, fork, cgroup] = [
      await costOf(kernel, 'process'),
      await costOf(kernel, 'fork'),
      await costOf(kernel, 'cgroup'),
    ]
    rounds.push({ process, fork, cgroup })
  }
  kernel.close()
  const line = (name: string, values: readonly number[]) => {
    const { median, low, high } = estimate(values)
    console.log(`| ${name} | ${[median, low, high].map(Math.round).join(' | ')} |`)
  }
  console.log('| | median | low | high |\n|---|---|---|---|')
  line(
    'by one process',
    rounds.map(({ process }) => process),
  )
  line(
    'more: a new process',
    rounds.map(({ process, fork }) => fork - process),
  )
  line(
    'more: in a new cgroup',
    rounds.map(({ fork, cgroup }) => cgroup - fork),
  )
})
