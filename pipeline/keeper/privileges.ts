/** Giving up every privilege, and making sure that it is given up. */
import { readdirSync, readFileSync } from 'node:fs'
import type { User } from './handover.ts'

/** Nobody: the id that no file belongs to (Linux's overflow uid). */
export const NOBODY: User = { uid: 65_534, gid: 65_534 }

/**
 * `setpriv` (util-linux) starts the child such that it can only lose from there. A root child
 * keeps what it needs to become somebody else, and to read programs and configuration in
 * directories that are closed to others, such as a home; changing the user takes that away too.
 */
export function setprivArguments(keeperUid: number): string[] {
  const root = ['--bounding-set', '-all,+setuid,+setgid,+dac_read_search', '--inh-caps', '-all']
  const other = ['--inh-caps', '-all', '--ambient-caps', '-all']
  return ['--no-new-privs', ...(keeperUid === 0 ? root : other)]
}

/** Becomes `user` for good. Throws when the process could do more than that user afterwards. */
export function dropPrivileges(user: User): void {
  if (process.getuid?.() === 0) {
    process.setgroups?.([])
    process.setgid?.(user.gid)
    process.setuid?.(user.uid)
  }
  for (const task of readdirSync('/proc/self/task')) {
    const status = readFileSync(`/proc/self/task/${task}/status`, 'utf8')
    const left = leftovers(status)
    if (left.length > 0) throw new Error(`cannot give up privileges: ${left.join(', ')} is left`)
  }
}

/** Lines of /proc/PID/status that say that the thread still may do something special. */
export function leftovers(status: string): string[] {
  const fields = new Map(
    status.split('\n').map((line) => line.split(/:\s*/, 2) as [string, string]),
  )
  const left: string[] = []
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
    if (!/^0+$/.test(fields.get(name) ?? '')) left.push(`${name} ${fields.get(name)}`)
  }
  if (fields.get('NoNewPrivs') !== '1') left.push('the right to gain privileges')
  if (/^(0\b|\d+\s+0\b)/.test(fields.get('Uid') ?? '0')) left.push('the user root')
  return left
}

/** A user by number, or by name from /etc/passwd. */
export function findUser(name: string): User {
  if (/^\d+$/.test(name)) return { uid: Number(name), gid: Number(name) }
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [login, , uid, gid] = line.split(':')
    if (login === name) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`unknown user "${name}"; name one of /etc/passwd, or give its number`)
}
