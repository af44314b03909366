/** What processes used, from /proc: CPU time to the nanosecond, resident memory; and bpf_stats. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const BPF_STATS = '/proc/sys/kernel/bpf_stats_enabled'

/** Has a process run on one CPU: where both ends may wander, one slice is unlike the next. */
export function pin(pid: number, cpu: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', `${cpu}`, `${pid}`], { stdio: 'ignore' })
}

/** Nanoseconds that all threads of these processes have run, system calls included. */
export function cpuNs(pids: readonly number[]): number {
  let ns = 0
  for (const pid of pids) {
    for (const tid of threadsOf(pid)) ns += ranNs(`/proc/${pid}/task/${tid}/schedstat`)
  }
  return ns
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function ranNs(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0])
  } catch {
    // A thread that ended meanwhile.
    return 0
  }
}

/** A process and all that it started, and what those did. */
export function familyOf(pid: number): number[] {
  const found = [pid]
  for (const parent of found) {
    for (const tid of threadsOf(parent)) {
      const text = childrenOf(`/proc/${parent}/task/${tid}/children`)
      found.push(...text.split(' ').filter(Boolean).map(Number))
    }
  }
  return found
}

function childrenOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Resident memory in MiB. */
export function rssMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) / 1024)
}

/** While the kernel measures what its programs take, which itself takes some 50 ns a run. */
export async function withBpfStats<T>(run: () => Promise<T>): Promise<T> {
  const before = readFileSync(BPF_STATS, 'utf8')
  writeFileSync(BPF_STATS, '1')
  try {
    return await run()
  } finally {
    writeFileSync(BPF_STATS, before)
  }
}
