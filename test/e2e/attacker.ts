/**
 * Somebody who owns flowspan's pipeline process: loaded into it before anything else (NODE_OPTIONS
 * --import), waits until privileges are given up, then tries what must not work, with the process's
 * own descriptors and memory. Writes what came of it to ATTACK_RESULT.
 */
import { spawnSync } from 'node:child_process'
import { openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const syscall = libc.func('long syscall(long number, long a, void *b, long c)')
const numbers = libc.func('long syscall(long number, long a, long b, long c, long d)')
const mmap = libc.func(
  'int64_t mmap(void *at, size_t n, int prot, int flags, int fd, int64_t from)',
)

/** unistd_64.h, by architecture. */
const SYS =
  process.arch === 'arm64'
    ? { bpf: 280, ptrace: 117, socket: 198 }
    : { bpf: 321, ptrace: 101, socket: 41 }
const BPF = { PROG_LOAD: 5, PROG_GET_FD_BY_ID: 13, MAP_GET_FD_BY_ID: 14, LINK_GET_FD_BY_ID: 30 }
const PTRACE_ATTACH = 16
const RAW_SOCKETS = { raw: [2, 3, 6], packet: [17, 3, 768] } as const

export interface Attacks {
  /** Each attempt, and what came of it: an errno, or what was gained. */
  readonly [attempt: string]: string
}

const { ATTACK_RESULT: result, ATTACK_SECRET: secret, ATTACK_SETUID: setuid } = process.env

function errno(returned: number): string {
  if (returned >= 0) return 'done'
  const number = koffi.errno()
  const found = Object.entries(koffi.os.errno).find(([, value]) => value === number)
  return found?.[0] ?? `errno ${number}`
}

function attempt(act: () => string): string {
  try {
    return act()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function bpf(command: number, attributes: Uint8Array): string {
  return errno(Number(syscall(SYS.bpf, command, attributes, attributes.byteLength)))
}

/** union bpf_attr begins with the id. Any id will do: one that is not there would be ENOENT. */
function byId(command: number): string {
  const attributes = new Uint8Array(128)
  new DataView(attributes.buffer).setUint32(0, 1, true)
  return bpf(command, attributes)
}

function descriptors(): string {
  const links = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return []
    }
  })
  const kinds = links.filter((link) => /bpf/.test(link)).map((link) => link.replace(/.*:/, ''))
  return [...new Set(kinds)].sort().join()
}

/** The pages that a ring's producer writes, mapped for writing: all but the first. */
function writableRing(): string {
  for (const fd of readdirSync('/proc/self/fd')) {
    const info = attempt(() => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
    if (!/map_type:\s*27/.test(info)) continue
    const at = mmap(null, 4096, 3, 1, Number(fd), 4096) as number
    return Number(at) === -1 ? errno(-1) : 'mapped'
  }
  return 'no ring'
}

function attack(): Attacks {
  const keeper = process.ppid
  const results: Record<string, string> = {
    user: `${process.getuid?.()}`,
    descriptors: descriptors(),
    'open a program by id': byId(BPF.PROG_GET_FD_BY_ID),
    'open a map by id': byId(BPF.MAP_GET_FD_BY_ID),
    'open a link by id': byId(BPF.LINK_GET_FD_BY_ID),
    'load a program': bpf(BPF.PROG_LOAD, new Uint8Array(128).fill(1, 0, 1)),
    'write what the kernel writes': writableRing(),
    'trace the keeper': errno(Number(numbers(SYS.ptrace, PTRACE_ATTACH, keeper, 0, 0))),
    'open the memory of the keeper': attempt(() => `${openSync(`/proc/${keeper}/mem`, 'r')}`),
    'read the environment of the keeper': attempt(() =>
      readFileSync(`/proc/${keeper}/environ`, 'utf8'),
    ),
    'signal the keeper': attempt(() => `${process.kill(keeper, 'SIGTERM')}`),
    'signal the first process': attempt(() => `${process.kill(1, 0)}`),
    "read root's file": attempt(() => readFileSync(secret as string, 'utf8')),
    'become root': attempt(() => {
      process.setuid?.(0)
      return 'root'
    }),
    'run a program that becomes root': attempt(() =>
      spawnSync(setuid as string, ['-u'], { encoding: 'utf8' }).stdout.trim(),
    ),
    'configure the network': `${spawnSync('ip', ['link', 'set', 'lo', 'up', 'mtu', '65536']).status}`,
  }
  for (const [name, [family, type, protocol]] of Object.entries(RAW_SOCKETS)) {
    results[`open a ${name} socket`] = errno(Number(numbers(SYS.socket, family, type, protocol, 0)))
  }
  return results
}

/** Only in the child, and once it is nobody. */
if (result !== undefined && process.env.FLOWSPAN_HANDOVER !== undefined) {
  const timer = setInterval(() => {
    if (process.getuid?.() === 0) return
    clearInterval(timer)
    writeFileSync(result, JSON.stringify(attack()))
  }, 50)
}
