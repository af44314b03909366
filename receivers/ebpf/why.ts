/** Why the kernel refused, in words that say what to do. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { BpfError } from './libbpf.ts'
import type { Way } from './signals.ts'

const LOCKDOWN = '/sys/kernel/security/lockdown'
/** Of the verifier's log, the end tells what it was about. */
const LOG_LINES = 3

/** What libbpf and the verifier say where the kernel lacks a hook, a function or a type. */
const LACKING = [
  /failed to find kernel BTF type ID of/,
  /unknown func/,
  /calling (kernel )?function \S+ is not allowed/,
  /kernel function .* is not allowed/,
  /extern \(func ksym\) '\S+': (not found|failed)/,
  /invalid func (unknown )?#?\d+/,
  /invalid kernel function call/,
  /unresolved kfunc|call to invalid destination/,
  /Unsupported BTF type|unrecognized bpf_iter/,
  // Of tracing by functions, where the kernel was built without ftrace's direct calls.
  /ENOTSUPP|errno 524/,
]

export function whyNot(error: BpfError, way: Way): string {
  const said = `${error.message}\n${error.printed}`
  if (LACKING.some((pattern) => pattern.test(said))) {
    return `Needs ${way.needs}: this kernel, ${release()}, has none`
  }
  if (/EPERM/.test(error.message)) return whyForbidden(error, way)
  return [error.message, ...lastWords(error.printed)].join('; ')
}

function whyForbidden(error: BpfError, { hook }: Way): string {
  if (lockdown() === 'confidentiality') {
    return 'Forbidden by kernel lockdown in mode confidentiality: boot with lockdown=integrity'
  }
  const [kind] = hook.split('/')
  if (kind?.startsWith('cgroup')) return 'Needs CAP_NET_ADMIN, beside CAP_BPF and CAP_PERFMON'
  return `This kernel forbids ${kind} programs (${error.message})`
}

/** Which of `none [integrity] confidentiality` is in brackets; unknown where nobody tells. */
function lockdown(): string | undefined {
  try {
    return /\[(\w+)\]/.exec(readFileSync(LOCKDOWN, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** The last lines that say something: neither the verifier's statistics nor libbpf's frames. */
function lastWords(printed: string): string[] {
  const lines = printed
    .split('\n')
    .map((line) => line.replace(/^libbpf: /, '').trim())
    .filter((line) => line !== '' && !/^(processed \d+ insns|-- (BEGIN|END))/.test(line))
  return lines.slice(-LOG_LINES)
}
