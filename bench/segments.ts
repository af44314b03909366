/**
 * What a segment of TCP costs in the kernel where delay, jitter and loss are watched: nanoseconds a
 * run (kernel.bpf_stats_enabled, here alone), the median of short slices.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { keepKernel, loadKernel } from '../receivers/ebpf/keeper.ts'
import { describeMachine } from './machine.ts'
import { median } from './statistics.ts'
import { startWrk, Web } from './web.ts'

const SLICES = Number(process.env.BENCH_SLICES ?? 30)
const SLICE_MS = 200
const BPF_STATS = '/proc/sys/kernel/bpf_stats_enabled'
const CONFIG = {
  requests: false,
  drops: false,
  eyes: { delayMs: 10, jitterMs: 10 },
  interimMs: 0,
  connRingBytes: 4 << 20,
  payloadRingBytes: 4096,
  captureSmallBytes: 1024,
  captureMaxBytes: 4096,
  udp: { enabled: false, idleMs: 60_000, flowsMax: 1, dnsPorts: [] },
}

async function measure(): Promise<void> {
  const loaded = loadKernel(CONFIG)
  const kept = keepKernel(loaded, CONFIG, { logger: pino({ enabled: false }) })
  const web = await Web.start()
  const wrk = startWrk(web.port, 3600)
  await delay(1500)
  const costs: number[] = []
  let before = loaded.object.stats('segment_came')
  for (let slice = 0; slice < SLICES; slice++) {
    await delay(SLICE_MS)
    const after = loaded.object.stats('segment_came')
    costs.push((after.runNs - before.runNs) / (after.runs - before.runs))
    before = after
  }
  wrk.kill('SIGTERM')
  await web.stop()
  kept.close()
  const spread = [Math.min(...costs), median(costs), Math.max(...costs)].map(Math.round)
  console.log(`| HTTP/1: nginx and wrk | ${spread.join(' | ')} |`)
}

const before = readFileSync(BPF_STATS, 'utf8')
writeFileSync(BPF_STATS, '1')
try {
  console.log(`# Segments\n\n${describeMachine()}\n`)
  console.log(`Nanoseconds a run of \`segment_came\`, ${SLICES} slices of ${SLICE_MS} ms.\n`)
  console.log('| load | least | median | most |')
  console.log('|---|---|---|---|')
  await measure()
} finally {
  writeFileSync(BPF_STATS, before)
}
