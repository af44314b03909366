/** Where the host's cgroup v2 tree begins: programs that are attached there see every socket. */
import { readFileSync } from 'node:fs'

/** Beside hierarchies of version 1 it is mounted as `unified`; undefined: not at all. */
export function cgroupRoot(
  mounts: string = readFileSync('/proc/self/mountinfo', 'utf8'),
): string | undefined {
  for (const line of mounts.split('\n')) {
    // proc_pid_mountinfo(5): id, parent, device, root, mount point, …, a dash, type of file system
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root, point] = before.split(' ')
    if (after.startsWith('cgroup2 ') && root === '/' && point !== undefined) return unescaped(point)
  }
  return undefined
}

/** Spaces and the like are octal there. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
