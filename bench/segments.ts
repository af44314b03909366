/**
 * What a segment of TCP costs in the kernel where delay, jitter and loss are watched: nanoseconds a
 * run (kernel.bpf_stats_enabled, here alone), the median of short slices.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { describeMachine } from './machine.ts'
import { MeasuredKernel } from './measured_kernel.ts'
import { withBpfStats } from './overhead/processes.ts'
import { median } from './statistics.ts'
import { startWrk, Web } from './web.ts'

const SLICES = Number(process.env.BENCH_SLICES ?? 30)
const SLICE_MS = 200

async function measure(): Promise<void> {
  const kernel = new MeasuredKernel({
    requests: false,
    eyes: { delayMs: 10, jitterMs: 10 },
    payloadRingBytes: 4096,
  })
  const web = await Web.start()
  const wrk = startWrk(web.port, 3600)
  await delay(1500)
  const costs: number[] = []
  let before = kernel.object.stats('segment_came')
  for (let slice = 0; slice < SLICES; slice++) {
    await delay(SLICE_MS)
    const after = kernel.object.stats('segment_came')
    costs.push((after.runNs - before.runNs) / (after.runs - before.runs))
    before = after
  }
  wrk.kill('SIGTERM')
  await web.stop()
  kernel.close()
  const spread = [Math.min(...costs), median(costs), Math.max(...costs)].map(Math.round)
  console.log(`| HTTP/1: nginx and wrk | ${spread.join(' | ')} |`)
}

await withBpfStats(async () => {
  console.log(`# Segments\n\n${describeMachine()}\n`)
  console.log(`Nanoseconds a run of \`segment_came\`, ${SLICES} slices of ${SLICE_MS} ms.\n`)
  console.log('| load | least | median | most |')
  console.log('|---|---|---|---|')
  await measure()
})
