/**
 * A host with very many sockets: how long flowspan takes to find them, what a pass over them costs,
 * and its memory. Both ends of the connections are here, in a namespace of their own.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Flowspan } from '../test/kit/flowspan.ts'
import { inPod, Network } from '../test/kit/netns.ts'
import { Program } from '../test/kit/processes.ts'
import { describeMachine } from './machine.ts'
import { MeasuredKernel } from './measured_kernel.ts'
import { cpuNs, rssMiB, withBpfStats } from './overhead/processes.ts'

const SOCKETS = [0, 10_000, 100_000]
const SCRIPT = join(import.meta.dirname, 'sockets.py')
const READY = { timeoutMs: 120_000 }
const INTERVAL_MS = 10_000
/** In which the first pass, which tells of all, is over. */
const RUN_MS = 15_000
/** In which all sockets have been found. */
const FOUND_MS = 4000
const SAMPLE_MS = 20
const PASS_MAX_MS = 30_000

interface Pass {
  readonly ms: number
  readonly programNs: number
}

/** Two passes of `tell_interim`: the first tells of all sockets, the second finds them idle. */
async function passes(kernel: MeasuredKernel, sockets: number): Promise<Pass[]> {
  const seen: Pass[] = []
  let beganMs = performance.now()
  let ns = 0
  for (const pass of [1, 2]) {
    if (pass > 1) beganMs = Math.max(beganMs + INTERVAL_MS, performance.now())
    // At the end of the map a program is called once more.
    const done = () => kernel.object.stats('tell_interim').runs >= pass * (sockets + 1)
    while (!done() && performance.now() - beganMs < PASS_MAX_MS) await delay(SAMPLE_MS)
    const { runNs } = kernel.object.stats('tell_interim')
    seen.push({ ms: performance.now() - beganMs, programNs: runNs - ns })
    ns = runNs
  }
  return seen
}

async function measure(sockets: number): Promise<void> {
  const began = performance.now()
  const kernel = new MeasuredKernel({ interimMs: INTERVAL_MS })
  const startMs = performance.now() - began
  const found = ['find_listeners', 'find_older'].map((name) => kernel.object.stats(name).runNs)
  const findNs = found.reduce((sum, each) => sum + each, 0)
  const [all, idle] = (await passes(kernel, sockets)) as [Pass, Pass]
  kernel.close()
  const ms = [startMs, findNs / 1e6, all.ms, all.programNs / 1e6, idle.ms, idle.programNs / 1e6]
  console.log(`| ${sockets} | ${ms.map((each) => each.toFixed(0)).join(' | ')} |`)
}

/**
 * Memory of the kernel's side as users run it. Maps: what the kernel books for them (memlock of
 * fdinfo), which leaves out what stands with sockets; that is what its slabs and per-CPU memory
 * grow by, all of it, while the programs are loaded and the sockets found.
 */
async function kernelMemory(sockets: number): Promise<void> {
  const before = slabBytes()
  const flowspan = await Flowspan.start(() => CONFIG)
  await delay(FOUND_MS)
  const grown = slabBytes() - before
  const maps = mapBytes(flowspan.pid)
  await flowspan.kill()
  flowspan.clean()
  const mib = [maps, grown].map((bytes) => (bytes / 2 ** 20).toFixed(1))
  console.log(`| ${sockets} | ${mib.join(' | ')} |`)
}

/** Of the whole host. */
function slabBytes(): number {
  const text = readFileSync('/proc/meminfo', 'utf8')
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1])
  return 1024 * (kb('SUnreclaim') + kb('Percpu'))
}

/** Of all maps that a process holds, each once. */
function mapBytes(pid: number): number {
  const maps = new Map<string, number>()
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')
    const id = /^map_id:\s*(\d+)/m.exec(text)?.[1]
    if (id !== undefined) maps.set(id, Number(/^memlock:\s*(\d+)/m.exec(text)?.[1]))
  }
  return [...maps.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** As users run it: CPU and memory with the first pass over all sockets. */
async function run(sockets: number): Promise<void> {
  const flowspan = await Flowspan.start(() => CONFIG)
  const { pid, childPid } = flowspan
  await delay(RUN_MS)
  const cpu = [pid, childPid].map((each) => Math.round(cpuNs([each]) / 1e6))
  const memory = [pid, childPid].map(rssMiB)
  await flowspan.kill()
  flowspan.clean()
  console.log(`| ${sockets} | ${cpu.join(' | ')} | ${memory.join(', ')} |`)
}

const CONFIG = {
  receivers: { ebpf: {} },
  exporters: { nop: {} },
  service: { pipelines: { flows: { receivers: ['ebpf'], exporters: ['nop'] } } },
}

async function hold(sockets: number, what: (sockets: number) => Promise<void>): Promise<void> {
  const network = new Network()
  const command = ['python3', '-u', SCRIPT, 'hold', `${sockets / 2}`]
  const program = sockets > 0 ? new Program(inPod(network.node, command)) : undefined
  try {
    await program?.line(/ready/, READY)
    await what(sockets)
  } finally {
    await program?.stop()
    network.close()
  }
}

/** Only what the kernel keeps, which takes a minute. */
const isMemoryAlone = process.argv[2] === 'memory'

console.log(`# Sockets\n\n${describeMachine()}\n`)
if (!isMemoryAlone) {
  await withBpfStats(async () => {
    console.log('Milliseconds; of passes, and of them in programs, with what measuring takes.\n')
    console.log('| sockets | start | finding them | pass, all told | programs | idle | programs |')
    console.log('|---|---|---|---|---|---|---|')
    for (const sockets of SOCKETS) await hold(sockets, measure)
  })
  console.log(`\nCPU of the start and the ${RUN_MS / 1000} s after it, ms; RSS in MiB\n`)
  console.log('| sockets | keeper | pipeline | RSS keeper, pipeline |')
  console.log('|---|---|---|---|')
  for (const sockets of SOCKETS) await hold(sockets, run)
}
console.log(
  '\nMemory of the kernel, MiB: maps as it books them, and what slabs and per-CPU memory grow by\n',
)
console.log('| sockets | maps | grown |')
console.log('|---|---|---|')
for (const sockets of SOCKETS) await hold(sockets, kernelMemory)
