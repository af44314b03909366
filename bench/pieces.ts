/**
 * What a read or a write of a connection costs in the kernel, by what the connection speaks:
 * nanoseconds a run of the payload programs (kernel.bpf_stats_enabled, here alone), the median of
 * short slices while real programs talk over loopback, both ends on this host.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../test/kit/ports.ts'
import { Program } from '../test/kit/processes.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel } from './measured_kernel.ts'
import { largeBodies, stream } from './overhead/loads.ts'
import { withBpfStats } from './overhead/processes.ts'
import { median } from './statistics.ts'
import { startWrk, Web } from './web.ts'

const HOST = '127.0.0.1'
const SLICES = Number(process.env.BENCH_SLICES ?? 30)
const SLICE_MS = 200

interface Running {
  stop(): unknown
}

/** While `load` runs: what a run costs, and how many of them made a record. */
async function measure(name: string, load: () => Running | Promise<Running>): Promise<void> {
  const kernel = new MeasuredKernel()
  const program = await load()
  await delay(1000)
  const costs: number[] = []
  const first = kernel.payload()
  let before = first
  for (let slice = 0; slice < SLICES; slice++) {
    await delay(SLICE_MS)
    const after = kernel.payload()
    costs.push((after.ns - before.ns) / (after.runs - before.runs))
    before = after
  }
  await program.stop()
  const share = (before.records - first.records) / (before.runs - first.runs)
  kernel.close()
  const spread = [Math.min(...costs), median(costs), Math.max(...costs)].map(Math.round)
  console.log(`| ${name} | ${spread.join(' | ')} | ${share.toFixed(2)} |`)
}

async function http(): Promise<void> {
  const web = await Web.start()
  await measure('HTTP/1: nginx and wrk', () => {
    const wrk = startWrk(web.port, 3600)
    return { stop: () => wrk.kill('SIGTERM') }
  })
  await web.stop()
}

async function redis(): Promise<void> {
  const [port] = (await freePorts(1)) as [number]
  const server = ['redis-server', '--port', `${port}`, '--bind', HOST, '--save', ''] as const
  const program = new Program(server)
  await program.listens({ host: HOST, port })
  for (const bytes of [64, 8192]) {
    const options = ['-h', HOST, '-p', `${port}`, '-t', 'set,get', '-c', '16', '-l', '-q']
    await measure(`Redis: values of ${bytes} bytes`, () => {
      return new Program(['redis-benchmark', ...options, '-d', `${bytes}`, '-n', '100000'])
    })
  }
  await program.stop()
}

await withBpfStats(async () => {
  console.log(`# Pieces\n\n${describeMachine()}\n`)
  console.log(
    `Nanoseconds a run of \`received\` and \`sent\`, ${SLICES} slices of ${SLICE_MS} ms.\n`,
  )
  console.log('| load | least | median | most | runs that made a record |')
  console.log('|---|---|---|---|---|')
  await http()
  await measure('HTTP/1: bodies of 1 MiB', largeBodies)
  await measure('TLS: a stream, behind the hellos', () => stream(true))
  await measure('no protocol: a stream', () => stream(false))
  await redis()
})
