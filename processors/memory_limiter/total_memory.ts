/**
 * How much memory the process may use: the smallest limit of its cgroup and of those above it
 * (version 2, 1, or both side by side), else what the machine has.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const LIMIT_FILES = { cgroup2: 'memory.max', cgroup: 'memory.limit_in_bytes' }

/**
 * Bytes. Throws when /proc/meminfo cannot be read.
 * @param root where /proc and /sys are, for tests
 */
export function totalMemory(root = '/'): number {
  const meminfo = readFileSync(join(root, 'proc/meminfo'), 'utf8')
  const [, kib] = /^MemTotal:\s+(\d+) kB$/m.exec(meminfo) ?? []
  if (kib === undefined) throw new Error('/proc/meminfo has no MemTotal')
  return Math.min(Number(kib) * 1024, ...limitsOf(root))
}

/** The limits of every memory cgroup that the process is in; none outside of cgroups. */
function limitsOf(root: string): number[] {
  const groups = read(join(root, 'proc/self/cgroup')) ?? ''
  const limits: number[] = []
  for (const { type, mountRoot, mountPoint } of mounts(root)) {
    const path = pathOf(groups, type)
    if (path === undefined) continue
    // A container without a cgroup namespace sees its path from the host's root, and a mount that
    // begins there too.
    const within = path === mountRoot ? '/' : withoutPrefix(path, mountRoot)
    for (let folder = within; ; folder = dirname(folder)) {
      const text = read(join(root, mountPoint, folder, LIMIT_FILES[type]))?.trim()
      // "max", or a number that no machine has, is no limit.
      if (text !== undefined && /^\d+$/.test(text)) limits.push(Number(text))
      if (folder === '/') break
    }
  }
  return limits
}

interface Mount {
  readonly type: keyof typeof LIMIT_FILES
  readonly mountRoot: string
  readonly mountPoint: string
}

/** Lines `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELDS] - TYPE SOURCE SUPEROPTIONS`. */
function mounts(root: string): Mount[] {
  const text = read(join(root, 'proc/self/mountinfo')) ?? ''
  return text.split('\n').flatMap((line): Mount[] => {
    const [own = '', file = ''] = line.split(' - ', 2)
    const [, , , mountRoot, mountPoint] = own.split(' ')
    const [type, , options = ''] = file.split(' ')
    if (mountRoot === undefined || mountPoint === undefined) return []
    if (type === 'cgroup2') return [{ type, mountRoot, mountPoint }]
    const isMemory = type === 'cgroup' && options.split(',').includes('memory')
    return isMemory ? [{ type, mountRoot, mountPoint }] : []
  })
}

/** Lines `ID:CONTROLLERS:PATH`; version 2 is `0::PATH`. */
function pathOf(groups: string, type: Mount['type']): string | undefined {
  for (const line of groups.split('\n')) {
    const [, id, controllers = '', path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    const isVersion2 = id === '0' && controllers === ''
    if (type === 'cgroup2' ? isVersion2 : controllers.split(',').includes('memory')) return path
  }
  return undefined
}

function withoutPrefix(path: string, prefix: string): string {
  return prefix !== '/' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
