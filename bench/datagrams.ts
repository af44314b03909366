/**
 * What a packet costs where UDP is followed: nanoseconds a run of the programs on the cgroup tree
 * (kernel.bpf_stats_enabled, here alone), the median of short slices, for datagrams of a flow that
 * is known, for those that are copied, and for packets of TCP, which are looked at and let go.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { DATAGRAMS } from '../test/bpf/udp.ts'
import { Program } from '../test/kit/processes.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel } from './measured_kernel.ts'
import { withBpfStats } from './overhead/processes.ts'
import { median } from './statistics.ts'
import { startWrk, Web } from './web.ts'

const SLICES = Number(process.env.BENCH_SLICES ?? 15)
const SLICE_MS = 200
const PROGRAMS = ['udp_sent', 'udp_received'] as const

const UDP = { enabled: true, idleMs: 60_000, flowsMax: 65_536, dnsPorts: [53] }

async function measure(name: string, load: () => { stop(): unknown }): Promise<void> {
  const kernel = new MeasuredKernel({ udp: UDP })
  const program = load()
  await delay(500)
  const costs = PROGRAMS.map((): number[] => [])
  let before = PROGRAMS.map((each) => kernel.object.stats(each))
  for (let slice = 0; slice < SLICES; slice++) {
    await delay(SLICE_MS)
    const after = PROGRAMS.map((each) => kernel.object.stats(each))
    for (const [i, { runs, runNs }] of after.entries()) {
      const was = before[i] as (typeof after)[number]
      costs[i]?.push((runNs - was.runNs) / (runs - was.runs))
    }
    before = after
  }
  await program.stop()
  kernel.close()
  console.log(`| ${name} | ${costs.map((each) => Math.round(median(each))).join(' | ')} |`)
}

function echo(...options: string[]): Program {
  return new Program(['python3', DATAGRAMS, 'echo', 'count=1000000000', 'size=60', ...options])
}

await withBpfStats(async () => {
  console.log(`# Datagrams\n\n${describeMachine()}\n`)
  console.log(`Nanoseconds a run, the median of ${SLICES} slices of ${SLICE_MS} ms.\n`)
  console.log('| load | sent | received |')
  console.log('|---|---|---|')
  await measure('UDP, connected: counted', () => echo('connected=1'))
  await measure('UDP, sendto: counted', () => echo())
  await measure('UDP at port 53: counted and copied', () => echo('host=127.0.0.77', 'port=53'))
  const web = await Web.start()
  await measure('TCP: let go', () => {
    const wrk = startWrk(web.port, 3600)
    return { stop: () => wrk.kill('SIGTERM') }
  })
  await web.stop()
})
